// A table as CSV (RFC 4180).

import type { Cell, Table } from "./report.ts";

/** Spreadsheets run text that starts like a formula; a leading apostrophe keeps it text. */
function guard(text: string): string {
  return /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
}

function field(cell: Cell): string {
  if (cell === undefined) return "";
  if (typeof cell !== "string") return Number.isFinite(cell.value) ? String(cell.value) : "";
  const text = guard(cell);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Numbers in full precision. `bom` puts a byte order mark in front, which Excel needs to read Chinese. */
export function renderCsv(table: Table, options: { bom?: boolean } = {}): string {
  const rows: Cell[][] = [table.columns.map((column) => column.label), ...table.rows];
  const text = rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
  return options.bom === true ? `\ufeff${text}` : text;
}
