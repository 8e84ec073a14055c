// Any chart as SVG text, and as the table a reader without pictures gets.

import { barChart } from "./chart_bars.ts";
import { heatmapChart } from "./chart_heatmap.ts";
import { lineChart } from "./chart_line.ts";
import { radarChart } from "./chart_radar.ts";
import type { Cell, Chart, Table } from "./report.ts";

/** A complete SVG document; deterministic. */
export function renderChart(chart: Chart, title: string): string {
  switch (chart.kind) {
    case "line":
      return lineChart(chart, title);
    case "bars":
      return barChart(chart, title);
    case "radar":
      return radarChart(chart, title);
    case "heatmap":
      return heatmapChart(chart, title);
  }
}

/** Rows a line chart's table has at most; more are thinned evenly, the last one kept. */
const mostRows = 24;

function cell(value: number | undefined, digits: number): Cell {
  return value === undefined || !Number.isFinite(value) ? undefined : { value, digits };
}

/** The chart's numbers. */
export function chartTable(chart: Chart): Table {
  const right = (name: string) => ({ label: name, align: "right" as const });
  const left = (name: string) => ({ label: name, align: "left" as const });
  switch (chart.kind) {
    case "line": {
      const all = [...new Set(chart.series.flatMap((one) => one.points.map(({ x }) => x)))].sort((a, b) => a - b);
      const step = Math.max(1, (all.length - 1) / (mostRows - 1));
      const xs = all.length <= mostRows ? all : Array.from({ length: mostRows }, (_, i) => all[Math.round(i * step)]!);
      const maps = chart.series.map((one) => new Map(one.points.map(({ x, y }) => [x, y])));
      const rows = xs.map((x): Cell[] => [String(x), ...maps.map((map) => cell(map.get(x), 4))]);
      return { columns: [right(chart.xLabel), ...chart.series.map((one) => right(one.label))], rows };
    }
    case "bars": {
      const rows = chart.categories.map((name, k): Cell[] => [
        name,
        ...chart.series.map((one) => cell(one.values[k]?.value, chart.digits ?? 3)),
      ]);
      return { columns: [left(""), ...chart.series.map((one) => right(one.label))], rows };
    }
    case "radar": {
      const rows = chart.axes.map((name, k): Cell[] => [name, ...chart.series.map((one) => cell(one.values[k], 3))]);
      return { columns: [left(""), ...chart.series.map((one) => right(one.label))], rows };
    }
    case "heatmap": {
      const rows = chart.rows.map((name, r): Cell[] => [
        name,
        ...chart.columns.map((_, c) => cell(chart.values[r]?.[c], chart.digits)),
      ]);
      return { columns: [left(""), ...chart.columns.map(right)], rows };
    }
  }
}
