// What the scripts share that write tables of native/tokenizer/unicode from the data inside Node (ICU).
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Of the data they read: Node 20.20, 22.21 and later. */
export const unicode = "17.0";
const maxCodePoint = 0x10ffff;

export const hex = (c) => `0x${c.toString(16).toUpperCase()}`;

/** Every scalar value from `first` on. */
export function* characters(first = 0) {
  for (let c = first; c <= maxCodePoint; ++c) if (c < 0xd800 || c > 0xdfff) yield c;
}

/** [first, last] of "88F" and "10940-10959" in a text. */
export function namedRanges(text) {
  return text.split(/\s+/u).map((range) => {
    const [first, last = first] = range.split("-");
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
  });
}

/** [first, last, value] of neighbours with one value; 0 is left out. */
export function ranges(all, classify) {
  const rows = [];
  for (const c of all) {
    const value = classify(c);
    if (value === 0) continue;
    const last = rows.at(-1);
    if (last && last[1] === c - 1 && last[2] === value) last[1] = c;
    else rows.push([c, c, value]);
  }
  return rows;
}

/** Items in lines of 110 columns. */
export function packed(items) {
  const lines = [];
  let line = "";
  for (const item of items) {
    if (line.length + item.length + 1 > 110) {
      lines.push(line);
      line = "";
    }
    line += line ? ` ${item}` : item;
  }
  return [...lines, line].join("\n");
}

/** Lines that stand in the file for whoever defines `name`. */
export const section = (name, items) => `#ifdef ${name}\n${packed(items)}\n#endif\n`;

/** Writes the files, name -> text; with --check only tells which differ, by the exit code too. */
export function writeTables(script, tables) {
  if (process.versions.unicode !== unicode) {
    console.error(
      `Node ${process.version} carries Unicode ${process.versions.unicode}, the tables are those of ${unicode}: ` +
        "run this with Node 20.20 or a later one built with ICU 78.",
    );
    process.exit(1);
  }
  const folder = fileURLToPath(new URL("../native/tokenizer/unicode/", import.meta.url));
  for (const [name, text] of Object.entries(tables())) {
    if (!process.argv.includes("--check")) {
      writeFileSync(folder + name, text);
      continue;
    }
    let current = "";
    try {
      current = readFileSync(folder + name, "utf8");
    } catch {
      // missing counts as stale
    }
    if (current === text) continue;
    console.error(`native/tokenizer/unicode/${name} is out of date: run node scripts/${script}`);
    process.exitCode = 1;
  }
}
