// Commits a report in the forms a file name asks for.

import { extname } from "node:path";
import { commitText } from "../native/commit_text.ts";
import { BelleError } from "../native/errors.ts";
import { renderCsv } from "./csv.ts";
import { renderHtml } from "./html.ts";
import { renderJson } from "./json.ts";
import { renderMarkdown } from "./markdown.ts";
import type { Report, Table } from "./report.ts";

/** Writes .html, .md or .json from the report, .csv from the table (with a byte order mark for Chinese). */
export async function writeReport(path: string, report: Report, table: Table): Promise<void> {
  await commitText(path, render(path, report, table));
}

function render(path: string, report: Report, table: Table): string {
  switch (extname(path).toLowerCase()) {
    case ".html":
    case ".htm":
      return renderHtml(report);
    case ".md":
      return renderMarkdown(report);
    case ".json":
      return renderJson(report);
    case ".csv":
      return renderCsv(table, { bom: report.language === "zh" });
    default:
      throw new BelleError("ERR_BELLE_USAGE", `${path}: the ending must be .html, .md, .csv or .json.`);
  }
}
