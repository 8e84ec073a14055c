// A report as data. Renderers (html.ts, markdown.ts) know sections, and nothing of what they mean.

import type { Language } from "../config/language.ts";
import type { Interval } from "../eval/statistics.ts";

/** A table cell: text, or a number with how many digits to show. undefined is shown as a dash. */
export type Cell = string | NumberCell | undefined;

export interface NumberCell {
  value: number;
  /** Digits behind the point. */
  digits: number;
  percent?: boolean;
}

export interface Column {
  label: string;
  align: "left" | "right";
}

export interface Table {
  columns: Column[];
  rows: Cell[][];
}

/** A point of a line; x and y must be finite. */
export interface LinePoint {
  x: number;
  y: number;
  interval?: Interval;
}

export interface LineChart {
  kind: "line";
  series: Array<{ label: string; points: LinePoint[] }>;
  xLabel: string;
  yLabel: string;
  xLog?: boolean;
  yLog?: boolean;
  /** Default: from the data. */
  yRange?: [number, number];
}

export interface BarChart {
  kind: "bars";
  /** One group of bars a category. */
  categories: string[];
  series: Array<{ label: string; values: Array<{ value: number; interval?: Interval } | undefined> }>;
  yLabel: string;
  yRange: [number, number];
  /** Digits behind the point; default 3. */
  digits?: number;
}

export interface RadarChart {
  kind: "radar";
  axes: string[];
  series: Array<{ label: string; values: Array<number | undefined> }>;
  range: [number, number];
}

export interface HeatmapChart {
  kind: "heatmap";
  rows: string[];
  columns: string[];
  /** values[row][column] */
  values: Array<Array<number | undefined>>;
  range: [number, number];
  digits: number;
}

export type Chart = LineChart | BarChart | RadarChart | HeatmapChart;

/** A question with one or more answers to it. */
export interface Sample {
  /** Class, id, … */
  labels: string[];
  question: string;
  /** "" when there is none. */
  gold: string;
  answers: Array<{ label: string; text: string; verdict?: string; passed?: boolean }>;
}

export type Section =
  | { kind: "text"; title?: string; paragraphs: string[]; tone?: "plain" | "good" | "warning" }
  | { kind: "table"; title: string; table: Table; note?: string }
  | { kind: "chart"; title: string; chart: Chart; note?: string }
  | { kind: "samples"; title: string; samples: Sample[]; note?: string }
  | { kind: "keyValues"; title: string; entries: Array<[string, string]> }
  /** Large figures side by side. */
  | { kind: "figures"; figures: Array<{ label: string; value: string; note?: string }> };

export interface Report {
  title: string;
  subtitle?: string;
  language: Language;
  sections: Section[];
}

/** The text of a number cell. Uses a true minus so that columns align. */
export function formatNumber(cell: NumberCell): string {
  if (!Number.isFinite(cell.value)) return "–";
  const text = cell.percent === true ? `${(cell.value * 100).toFixed(cell.digits)}%` : cell.value.toFixed(cell.digits);
  return text.replace(/^-(?=.*[1-9])/u, "\u2212").replace(/^-/u, "");
}

export function formatCell(cell: Cell): string {
  if (cell === undefined) return "–";
  return typeof cell === "string" ? cell : formatNumber(cell);
}
