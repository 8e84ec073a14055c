// A report as one HTML file: no script, nothing remote, all text escaped, styles only by the hash of our own sheet.

import { createHash } from "node:crypto";
import { chartTable, renderChart } from "./chart.ts";
import { escapeHtml } from "./escape.ts";
import { reportLabels } from "./labels.ts";
import { formatCell, type Report, type Sample, type Section, type Table } from "./report.ts";
import { styleSheet } from "./style.ts";

/** Samples shown open; the others unfold on a click. */
const openSamples = 2;

function heading(title: string | undefined): string {
  return title === undefined || title === "" ? "" : `<h2>${escapeHtml(title)}</h2>`;
}

function note(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `<p class="note">${escapeHtml(text)}</p>`;
}

function table({ columns, rows }: Table): string {
  const mark = (index: number) => (columns[index]?.align === "right" ? ' class="r"' : "");
  const head = columns.map((column, i) => `<th scope="col"${mark(i)}>${escapeHtml(column.label)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((value, i) => `<td${mark(i)}>${escapeHtml(formatCell(value))}</td>`);
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${head.join("")}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

function sample(one: Sample, open: boolean, language: Report["language"]): string {
  const words = reportLabels(language);
  const verdict = (answer: Sample["answers"][number]) => {
    if (answer.verdict === undefined) return "";
    const tone = answer.passed === undefined ? "" : answer.passed ? " yes" : " no";
    return `<span class="verdict${tone}">${escapeHtml(answer.verdict)}</span>`;
  };
  const tags = one.labels.map((name) => `<span class="tag">${escapeHtml(name)}</span>`).join("");
  const verdicts = one.answers
    .map(verdict)
    .filter((text) => text !== "")
    .join(" → ");
  const gold = one.gold === "" ? "" : `<h3>${escapeHtml(words.gold)}</h3><p class="text">${escapeHtml(one.gold)}</p>`;
  const answers = one.answers.map(
    (answer) =>
      `<div><h3>${escapeHtml(answer.label)} ${verdict(answer)}</h3><p class="text">${escapeHtml(answer.text)}</p></div>`,
  );
  return `<details class="sample"${open ? " open" : ""}><summary>${tags}<span class="q">${escapeHtml(one.question)}</span><span>${verdicts}</span></summary><div class="body"><h3>${escapeHtml(words.question)}</h3><p class="text">${escapeHtml(one.question)}</p>${gold}<div class="answers">${answers.join("")}</div></div></details>`;
}

function section(one: Section, report: Report): string {
  switch (one.kind) {
    case "text": {
      const paragraphs = one.paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join("");
      if (one.tone === undefined || one.tone === "plain")
        return `<section>${heading(one.title)}${paragraphs}</section>`;
      return `<section class="callout ${one.tone}">${heading(one.title)}${paragraphs}</section>`;
    }
    case "figures": {
      const figures = one.figures.map(
        (figure) =>
          `<div class="figure"><span>${escapeHtml(figure.label)}</span><b>${escapeHtml(figure.value)}</b><i>${escapeHtml(figure.note ?? "")}</i></div>`,
      );
      return `<section class="figures">${figures.join("")}</section>`;
    }
    case "table":
      return `<section class="long">${heading(one.title)}${table(one.table)}${note(one.note)}</section>`;
    case "chart": {
      const numbers = `<details><summary>${escapeHtml(reportLabels(report.language).numbers)}</summary>${table(chartTable(one.chart))}</details>`;
      return `<section class="chart">${heading(one.title)}${renderChart(one.chart, one.title)}${note(one.note)}${numbers}</section>`;
    }
    case "samples": {
      const items = one.samples.map((item, i) => sample(item, i < openSamples, report.language));
      return `<section class="long">${heading(one.title)}${note(one.note)}${items.join("\n")}</section>`;
    }
    case "keyValues": {
      const entries = one.entries.map(([key, value]) => `<dt>${escapeHtml(key)}</dt><dd>${escapeHtml(value)}</dd>`);
      return `<section>${heading(one.title)}<dl>${entries.join("")}</dl></section>`;
    }
  }
}

/** The whole file. Equal reports give equal bytes: there is no time stamp in it. */
export function renderHtml(report: Report): string {
  const hash = createHash("sha256").update(styleSheet, "utf8").digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const subtitle = report.subtitle === undefined ? "" : `<p>${escapeHtml(report.subtitle)}</p>`;
  return [
    "<!DOCTYPE html>",
    `<html lang="${report.language === "zh" ? "zh-CN" : "en"}">`,
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(report.title)}</title>`,
    `<style>${styleSheet}</style>`,
    "</head>",
    "<body>",
    `<header><h1>${escapeHtml(report.title)}</h1>${subtitle}</header>`,
    "<main>",
    ...report.sections.map((one) => section(one, report)),
    "</main>",
    `<footer>${escapeHtml(reportLabels(report.language).footer)}</footer>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}
