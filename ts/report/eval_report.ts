// Evaluations as a report: one model, or several side by side.

import type { Language } from "../config/language.ts";
import { type CategoryMean, categoryLabel, type MacroMean } from "../eval/averages.ts";
import type { EvalSummary, ScoreRow } from "../eval/summary.ts";
import { type LabelName, reportLabels } from "./labels.ts";
import type { Cell, Chart, Report, Sample, Section, Table } from "./report.ts";

export interface EvalReportInput {
  summary: EvalSummary;
  /** For the samples; [] leaves them out. */
  scores: readonly ScoreRow[];
}

export interface EvalReportOptions {
  language: Language;
  title?: string;
  /** Samples shown. Default 20. */
  samples?: number;
}

type Words = ReturnType<typeof reportLabels>;

function number(value: number | undefined, digits = 3): Cell {
  return value === undefined ? undefined : { value, digits };
}

function range(interval: { low: number; high: number } | undefined): string | undefined {
  return interval === undefined ? undefined : `${interval.low.toFixed(3)} – ${interval.high.toFixed(3)}`;
}

function isLabel(words: Words, name: string): name is LabelName {
  return Object.hasOwn(words, name);
}

function nameOf(id: string, words: Words, language: Language): string {
  return isLabel(words, id) ? words[id] : categoryLabel(id, language);
}

function categoryTable(summary: EvalSummary, language: Language): Table {
  const words = reportLabels(language);
  const right = (label: string) => ({ label, align: "right" as const });
  const { averages } = summary;
  const row = (name: string, mean: CategoryMean): Cell[] => [
    name,
    number(mean.items, 0),
    number(mean.n, 0),
    { value: mean.coverage, digits: 1, percent: true },
    number(mean.mean),
    number(mean.se),
    range(mean.interval),
  ];
  return {
    columns: [
      { label: words.category, align: "left" },
      right(words.items),
      right(words.scored),
      right(words.coverage),
      right(words.mean),
      right(words.standardError),
      right(words.interval),
    ],
    rows: [
      ...averages.categories.map((mean) => row(categoryLabel(mean.id, language), mean)),
      row(words.itemMean, averages.items),
    ],
  };
}

function macroTable(summary: EvalSummary, language: Language): Table {
  const words = reportLabels(language);
  const right = (label: string) => ({ label, align: "right" as const });
  const { macros } = summary.averages;
  const incomplete = macros.some((macro) => macro.missing.length > 0);
  const rows = macros.map((macro): Cell[] => [
    nameOf(macro.id, words, language),
    number(macro.n, 0),
    number(macro.mean),
    number(macro.se),
    range(macro.interval),
    range(macro.bootstrap),
    ...(incomplete
      ? [macro.missing.map((id) => categoryLabel(id, language)).join(language === "zh" ? "、" : ", ") || undefined]
      : []),
  ]);
  return {
    columns: [
      { label: words.averages, align: "left" },
      right(words.scored),
      right(words.mean),
      right(words.standardError),
      right(words.interval),
      right(words.bootstrap),
      ...(incomplete ? [{ label: words.missing, align: "left" as const }] : []),
    ],
    rows,
  };
}

/** All categories of all runs, in the first run's order. */
function categoryIds(inputs: readonly EvalReportInput[]): string[] {
  return [...new Set(inputs.flatMap(({ summary }) => summary.averages.categories.map(({ id }) => id)))];
}

function find(summary: EvalSummary, id: string): CategoryMean | undefined {
  return summary.averages.categories.find((category) => category.id === id);
}

function barsOf(inputs: readonly EvalReportInput[], language: Language): Chart {
  const ids = categoryIds(inputs);
  const series = inputs.map(({ summary }) => ({
    label: summary.name,
    values: ids.map((id) => {
      const { mean, interval } = find(summary, id) ?? {};
      if (mean === undefined) return undefined;
      return interval === undefined ? { value: mean } : { value: mean, interval };
    }),
  }));
  const { mean } = reportLabels(language);
  const categories = ids.map((id) => categoryLabel(id, language));
  return { kind: "bars", categories, series, yLabel: mean, yRange: [0, 1] };
}

function radarOf(inputs: readonly EvalReportInput[], language: Language): Chart {
  const ids = categoryIds(inputs);
  const series = inputs.map(({ summary }) => ({
    label: summary.name,
    values: ids.map((id) => find(summary, id)?.mean),
  }));
  return { kind: "radar", axes: ids.map((id) => categoryLabel(id, language)), series, range: [0, 1] };
}

function heatmapOf(inputs: readonly EvalReportInput[], language: Language): Chart {
  const ids = categoryIds(inputs);
  const values = inputs.map(({ summary }) => ids.map((id) => find(summary, id)?.mean));
  const rows = inputs.map(({ summary }) => summary.name);
  return {
    kind: "heatmap",
    rows,
    columns: ids.map((id) => categoryLabel(id, language)),
    values,
    range: [0, 1],
    digits: 2,
  };
}

/** Score over data size, when at least two runs name theirs (figure 1 of arXiv 2303.14742). */
function scalingOf(inputs: readonly EvalReportInput[], language: Language): Chart | undefined {
  const sized = inputs.filter(({ summary }) => (summary.data_size ?? 0) > 0);
  if (new Set(sized.map(({ summary }) => summary.data_size)).size < 2) return undefined;
  const words = reportLabels(language);
  const point = (summary: EvalSummary, mean: CategoryMean | MacroMean | undefined) => {
    if (mean?.mean === undefined) return [];
    const at = { x: summary.data_size ?? 0, y: mean.mean };
    return [mean.interval === undefined ? at : { ...at, interval: mean.interval }];
  };
  const macros = [...new Set(sized.flatMap(({ summary }) => summary.averages.macros.map(({ id }) => id)))];
  const lines = macros.map((id) => ({
    label: nameOf(id, words, language),
    points: sized.flatMap(({ summary }) =>
      point(
        summary,
        summary.averages.macros.find((macro) => macro.id === id),
      ),
    ),
  }));
  const categories = categoryIds(sized).map((id) => ({
    label: categoryLabel(id, language),
    points: sized.flatMap(({ summary }) => point(summary, find(summary, id)).map(({ x, y }) => ({ x, y }))),
  }));
  const series = [...lines.slice(0, 1), ...categories];
  return { kind: "line", series, xLabel: words.dataSize, yLabel: words.mean, xLog: true, yRange: [0, 1] };
}

function protocolSection(summary: EvalSummary, language: Language): Section {
  const words = reportLabels(language);
  const entries: Array<[string, string]> = [
    [words.model, summary.name],
    [words.set, `${summary.set.items} (${summary.set.fingerprint.slice(0, 12)})`],
  ];
  if (summary.data_size !== undefined) entries.push([words.dataSize, String(summary.data_size)]);
  if (summary.scored_by.kind === "rules") entries.push([words.scoredBy, words.byRules]);
  else {
    const { protocol, counts } = summary.scored_by;
    const statuses = Object.entries(counts.byStatus).filter(([, count]) => count > 0);
    entries.push(
      [words.judgeModel, protocol.model],
      [words.endpoint, protocol.endpoint],
      [words.prompts, `arXiv ${protocol.prompts} (${protocol.prompts_sha256.slice(0, 12)})`],
      [words.goldPolicy, protocol.gold],
      [words.assembly, protocol.assembly],
      [words.repeats, String(protocol.repeats)],
      [words.temperature, String(protocol.temperature)],
      [words.maxTokens, String(protocol.max_tokens)],
      [words.calls, `${counts.calls} (${counts.cached})`],
      [words.tokens, `${counts.promptTokens} + ${counts.completionTokens}`],
      [words.reasked, String(counts.reasked)],
      [words.statuses, statuses.map(([status, count]) => `${status} ${count}`).join(", ")],
    );
  }
  return { kind: "keyValues", title: words.protocol, entries };
}

function canarySection(summary: EvalSummary, language: Language): Section[] {
  const { canaries } = summary;
  if (canaries === undefined) return [];
  const words = reportLabels(language);
  const kinds = { null: words.canaryNull, injection: words.canaryInjection, reference: words.canaryReference };
  const rows = canaries.results.map(({ kind, scored, mean }): Cell[] => [kinds[kind], number(scored, 0), number(mean)]);
  const table: Table = {
    columns: [
      { label: words.canaryKind, align: "left" },
      { label: words.scored, align: "right" },
      { label: words.mean, align: "right" },
    ],
    rows: [...rows, [words.canaryMedian, undefined, number(canaries.median)]],
  };
  return [{ kind: "table", title: words.canaries, table, note: words.canaryNote }];
}

function verdictOf(row: ScoreRow, words: Words): string {
  if (row.score !== null) return row.score.toFixed(3);
  const statuses = [...new Set((row.verdicts ?? []).map(({ status }) => status))].join(", ");
  return statuses === "" ? words.unscored : `${words.unscored}: ${statuses}`;
}

/** Answers of all runs to the same question side by side, the last run's lowest scores first. */
function samplesOf(inputs: readonly EvalReportInput[], count: number, language: Language): Section[] {
  const words = reportLabels(language);
  const last = inputs.at(-1);
  if (last === undefined || last.scores.length === 0 || count < 1) return [];
  const others = inputs.map(({ summary, scores }) => ({ summary, rows: new Map(scores.map((row) => [row.id, row])) }));
  const worst = [...last.scores]
    .sort((a, b) => (a.score ?? -1) - (b.score ?? -1) || (a.id < b.id ? -1 : 1))
    .slice(0, count);
  const samples = worst.map((item): Sample => {
    const answers = others.flatMap(({ summary, rows }): Sample["answers"] => {
      const row = rows.get(item.id);
      if (row === undefined || row.question !== item.question) return [];
      const shown = { label: summary.name, text: row.answer, verdict: verdictOf(row, words) };
      return [row.score === null ? shown : { ...shown, passed: row.score >= 0.5 }];
    });
    return {
      labels: [categoryLabel(item.class, language), item.id],
      question: item.question,
      gold: item.gold,
      answers,
    };
  });
  return [{ kind: "samples", title: words.samples, samples, note: words.samplesNote }];
}

/** What must be equal for numbers to be comparable. */
function comparisonKey({ set, scored_by: by }: EvalSummary): string {
  return JSON.stringify([set.fingerprint, by.kind === "judge" ? { ...by.protocol, endpoint: "" } : by.kind]);
}

function warnings(inputs: readonly EvalReportInput[], language: Language): Section[] {
  const words = reportLabels(language);
  const paragraphs: string[] = [];
  if (new Set(inputs.map(({ summary }) => comparisonKey(summary))).size > 1) paragraphs.push(words.protocolsDiffer);
  if (inputs.some(({ summary }) => (summary.canaries?.alarms.length ?? 0) > 0)) paragraphs.push(words.canaryAlarm);
  if (inputs.some(({ summary }) => summary.averages.items.coverage < 1)) paragraphs.push(words.lowCoverage);
  return paragraphs.length === 0 ? [] : [{ kind: "text", title: words.warning, paragraphs, tone: "warning" }];
}

function figures(inputs: readonly EvalReportInput[], language: Language): Section {
  const words = reportLabels(language);
  const figure = (label: string, mean: CategoryMean | MacroMean) => ({
    label,
    value: mean.mean === undefined ? "–" : mean.mean.toFixed(3),
    note: `n = ${mean.n}${mean.interval === undefined ? "" : `, ${range(mean.interval)}`}`,
  });
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined) {
    const { averages } = only.summary;
    const macros = averages.macros.map((macro) => figure(nameOf(macro.id, words, language), macro));
    return { kind: "figures", figures: [...macros, figure(words.itemMean, averages.items)] };
  }
  return {
    kind: "figures",
    figures: inputs.map(({ summary }) => figure(summary.name, summary.averages.macros[0] ?? summary.averages.items)),
  };
}

/** The report of one evaluation or of several, the first being the one others are seen against. */
export function evalReport(inputs: readonly EvalReportInput[], options: EvalReportOptions): Report {
  const { language } = options;
  const words = reportLabels(language);
  const single = inputs.length === 1;
  const chart = (title: string, one: Chart | undefined): Section[] =>
    one === undefined ? [] : [{ kind: "chart", title, chart: one }];
  const colon = language === "zh" ? "：" : ": ";
  const titled = (title: string, summary: EvalSummary) => (single ? title : `${summary.name}${colon}${title}`);
  const sections: Section[] = [
    ...warnings(inputs, language),
    figures(inputs, language),
    ...chart(words.scoresByCategory, barsOf(inputs, language)),
    ...(categoryIds(inputs).length >= 3 ? chart(words.radar, radarOf(inputs, language)) : []),
    ...chart(words.scaling, scalingOf(inputs, language)),
    ...(single ? [] : chart(words.heatmap, heatmapOf(inputs, language))),
  ];
  for (const { summary } of inputs) {
    sections.push({
      kind: "table",
      title: titled(words.categoryTable, summary),
      table: categoryTable(summary, language),
    });
    sections.push({
      kind: "table",
      title: titled(words.averages, summary),
      table: macroTable(summary, language),
      note: words.intervalNote,
    });
    sections.push(...canarySection(summary, language));
  }
  sections.push(...samplesOf(inputs, options.samples ?? 20, language));
  for (const { summary } of inputs) {
    const section = protocolSection(summary, language);
    sections.push(section.kind === "keyValues" ? { ...section, title: titled(section.title, summary) } : section);
  }
  const names = inputs.map(({ summary }) => summary.name).join(language === "zh" ? "、" : ", ");
  const title = options.title ?? (single ? `${words.evaluation}${colon}${names}` : words.comparison);
  return single ? { title, language, sections } : { title, subtitle: names, language, sections };
}

/** The categories of several runs as one table, for CSV. */
export function scoresTable(inputs: readonly EvalReportInput[], language: Language): Table {
  const words = reportLabels(language);
  const row = (name: string, summary: EvalSummary, mean: MeanLike, items: number): Cell[] => [
    summary.name,
    name,
    { value: items, digits: 0 },
    { value: mean.n, digits: 0 },
    number(mean.mean),
    number(mean.se),
    number(mean.interval?.low),
    number(mean.interval?.high),
  ];
  const rows = inputs.flatMap(({ summary }) => [
    ...summary.averages.categories.map((mean) => row(categoryLabel(mean.id, language), summary, mean, mean.items)),
    ...summary.averages.macros.map((mean) => row(nameOf(mean.id, words, language), summary, mean, mean.n)),
    row(words.itemMean, summary, summary.averages.items, summary.averages.items.items),
  ]);
  const right = [
    words.items,
    words.scored,
    words.mean,
    words.standardError,
    `${words.interval} <`,
    `${words.interval} >`,
  ];
  return {
    columns: [
      { label: words.model, align: "left" },
      { label: words.category, align: "left" },
      ...right.map((label) => ({ label, align: "right" as const })),
    ],
    rows,
  };
}

type MeanLike = Pick<CategoryMean, "n" | "mean" | "se" | "interval">;
