// A report as JSON, with the name of its form.

import type { Report } from "./report.ts";

export const reportSchema = "belle-train/report/1";

/** Equal reports give equal bytes. */
export function renderJson(report: Report): string {
  return `${JSON.stringify({ schema: reportSchema, ...report }, null, 2)}\n`;
}
