// A report as GitHub-flavoured Markdown. Charts become tables of their numbers.

import { chartTable } from "./chart.ts";
import { reportLabels } from "./labels.ts";
import { formatCell, type Report, type Section, type Table } from "./report.ts";

/** Text that stays text: nothing of it can become markup, a link, an image or HTML. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")
    .replace(/[\\`*_{}[\]()#+!|~$-]/gu, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/(https?|www)(?=[:.])/giu, "$1&#8203;")
    .replace(/^(\s*\d+)([.)])/gmu, "$1\\$2");
}

function line(text: string): string {
  return escapeMarkdown(text).replace(/\s*\n\s*/gu, " ");
}

function quote(text: string): string {
  return escapeMarkdown(text)
    .split(/\r?\n/u)
    .map((one) => `> ${one}`)
    .join("\n");
}

function table({ columns, rows }: Table): string {
  const head = columns.map((column) => line(column.label));
  const rule = columns.map((column) => (column.align === "right" ? "---:" : "---"));
  const body = rows.map((row) => row.map((value) => line(formatCell(value))));
  return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function section(one: Section, report: Report): string[] {
  const words = reportLabels(report.language);
  const title = "title" in one && one.title !== undefined ? [`## ${line(one.title)}`] : [];
  const note = "note" in one && one.note !== undefined ? [line(one.note)] : [];
  switch (one.kind) {
    case "text":
      return [...title, ...one.paragraphs.map(line)];
    case "figures":
      return [
        one.figures
          .map(({ label, value, note: more }) => `- ${line(label)}: **${line(value)}** ${line(more ?? "")}`.trimEnd())
          .join("\n"),
      ];
    case "table":
      return [...title, table(one.table), ...note];
    case "chart":
      return [...title, table(chartTable(one.chart)), ...note];
    case "keyValues":
      return [...title, one.entries.map(([key, value]) => `- ${line(key)}: ${line(value)}`).join("\n")];
    case "samples":
      return [
        ...title,
        ...note,
        ...one.samples.flatMap((sample) => [
          `### ${line(sample.labels.join(" · "))}`,
          `**${words.question}**`,
          quote(sample.question),
          ...(sample.gold === "" ? [] : [`**${words.gold}**`, quote(sample.gold)]),
          ...sample.answers.flatMap((answer) => [
            `**${line(answer.label)}**${answer.verdict === undefined ? "" : ` (${line(answer.verdict)})`}`,
            quote(answer.text),
          ]),
        ]),
      ];
  }
}

export function renderMarkdown(report: Report): string {
  const subtitle = report.subtitle === undefined ? [] : [line(report.subtitle)];
  const blocks = [`# ${line(report.title)}`, ...subtitle, ...report.sections.flatMap((one) => section(one, report))];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}
