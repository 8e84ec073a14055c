// Lines over a linear or logarithmic axis, each with an interval band where its points have one.

import type { LineChart, LinePoint } from "./report.ts";
import {
  colour,
  document,
  element,
  label,
  legend,
  linearScale,
  logScale,
  mark,
  niceStep,
  seriesClass,
  short,
  stroke,
  tooltip,
} from "./svg.ts";

const width = 720;
const plotHeight = 280;
const left = 62;
const right = 24;
const drawnMarkers = 40;

/** Points that can be drawn: finite, and above 0 on a logarithmic axis. */
function drawable(points: LinePoint[], chart: LineChart): LinePoint[] {
  return points.filter(
    ({ x, y }) =>
      Number.isFinite(x) && Number.isFinite(y) && (chart.xLog !== true || x > 0) && (chart.yLog !== true || y > 0),
  );
}

/** Lowest and highest value; a single value gets room on both sides. */
function extent(values: number[], log: boolean): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return log ? [1, 10] : [0, 1];
  if (low < high) return [low, high];
  if (log) return [low / 2, high * 2];
  const room = Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}

/** Rounds a linear range outwards to its tick marks. */
function roundOut([low, high]: [number, number]): [number, number] {
  const step = niceStep(high - low, 5);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

export function lineChart(chart: LineChart, title: string): string {
  const series = chart.series.map((one) => ({ ...one, points: drawable(one.points, chart) }));
  const points = series.flatMap((one) => one.points);
  const [yLow, yHigh] = chart.yRange ?? yExtent(points, chart.yLog === true);
  const [xLow, xHigh] = extent(
    points.map(({ x }) => x),
    chart.xLog === true,
  );
  const names = legend(
    chart.series.map((one) => one.label),
    left,
    6,
    width - left - right,
  );
  const top = names.height + 14;
  const bottom = top + plotHeight;
  const x = (chart.xLog === true ? logScale : linearScale)(xLow, xHigh, left, width - right);
  const y = (chart.yLog === true ? logScale : linearScale)(yLow, yHigh, bottom, top);

  const parts = [names.markup];
  for (const tick of y.ticks) {
    parts.push(
      element("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "#dfe3e8", class: "grid" }),
    );
    parts.push(label(y.format(tick), { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }));
  }
  for (const tick of x.ticks) {
    parts.push(
      element("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 5, stroke: "#9aa3ae", class: "axis" }),
    );
    parts.push(label(x.format(tick), { x: x(tick), y: bottom + 19, "text-anchor": "middle" }));
  }
  parts.push(
    element("line", { x1: left, x2: width - right, y1: bottom, y2: bottom, stroke: "#9aa3ae", class: "axis" }),
  );
  parts.push(label(chart.xLabel, { x: (left + width - right) / 2, y: bottom + 40, "text-anchor": "middle" }));
  const middle = (top + bottom) / 2;
  parts.push(label(chart.yLabel, { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }));

  const clamp = (value: number) => Math.min(bottom, Math.max(top, y(value)));
  for (const [i, one] of series.entries()) {
    const sorted = [...one.points].sort((a, b) => a.x - b.x);
    const banded = sorted.filter(({ interval }) => interval !== undefined && (chart.yLog !== true || interval.low > 0));
    if (banded.length > 1) {
      const upper = banded.map((point) => pair(x(point.x), clamp(point.interval!.high)));
      const lower = banded.map((point) => pair(x(point.x), clamp(point.interval!.low))).reverse();
      const shape = { points: [...upper, ...lower].join(" "), fill: colour(i), "fill-opacity": "0.16" };
      parts.push(element("polygon", { ...shape, class: `${seriesClass(i)} fill` }));
    }
    const path = sorted.map((point) => pair(x(point.x), clamp(point.y))).join(" ");
    parts.push(element("polyline", { points: path, fill: "none", ...stroke(i), class: `${seriesClass(i)} stroke` }));
    if (sorted.length > drawnMarkers) continue;
    for (const point of sorted) {
      const dot = { cx: x(point.x), cy: clamp(point.y), r: 3.5, ...mark(i) };
      parts.push(element("circle", dot, [tooltip(`${one.label}: ${short(point.x)}, ${short(point.y)}`)]));
    }
  }
  return document(width, bottom + 52, title, parts);
}

function yExtent(points: LinePoint[], log: boolean): [number, number] {
  const values = points.flatMap(({ y, interval }) => (interval === undefined ? [y] : [y, interval.low, interval.high]));
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  return log ? extent(usable, true) : roundOut(extent(usable, false));
}

function pair(x: number, y: number): string {
  return `${Math.round(x * 100) / 100},${Math.round(y * 100) / 100}`;
}
