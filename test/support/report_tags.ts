// Reads the markup of a report strictly.
import * as assert from "uvu/assert";
import { styleSheet } from "../../ts/report/style.ts";

/** Every tag of a page as "name attribute attribute"; fails on a `<` that starts none of ours. */
export function tags(html: string): Set<string> {
  const found = new Set<string>();
  const page = html.replace(styleSheet, "");
  const pattern = /<(\/?)([a-zA-Z0-9!]+)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*(?:="[^"<>]*")?)*)\s*(\/?)>/y;
  for (let at = page.indexOf("<"); at !== -1; at = page.indexOf("<", at + 1)) {
    pattern.lastIndex = at;
    const match = pattern.exec(page);
    assert.ok(match, `stray "<" at ${page.slice(at, at + 60)}`);
    const names = [...match![3]!.matchAll(/\s([a-zA-Z][a-zA-Z0-9:-]*)(?:="[^"]*")?/g)].map(([, name]) => name);
    found.add([match![2], ...names].join(" "));
  }
  return found;
}

/** Of those the ones that load something or run something. */
export function actingTags(html: string): string[] {
  return [...tags(html)].filter((tag) =>
    /^(?:script|img|iframe|object|embed|link)\b|\s(?:on\w+|src|href)(?=\s|$)/i.test(tag),
  );
}
