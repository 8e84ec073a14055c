// Horizontal bars by category with interval whiskers, several series side by side. Lying bars leave room for names.

import type { BarChart } from "./report.ts";
import { document, element, fit, label, legend, linearScale, mark, textWidth, tooltip } from "./svg.ts";

const width = 720;
const right = 64;

export function barChart(chart: BarChart, title: string): string {
  const longest = Math.max(0, ...chart.categories.map((name) => textWidth(name)));
  const left = Math.min(220, Math.max(70, longest + 16));
  const [low, high] = chart.yRange;
  const x = linearScale(low, high, left, width - right);
  const names = legend(
    chart.series.map((one) => one.label),
    left,
    6,
    width - left - right,
  );
  const top = names.height + 10;
  const count = Math.max(1, chart.series.length);
  const thickness = count === 1 ? 16 : Math.max(8, Math.min(14, 44 / count));
  const pitch = thickness * count + 12;
  const bottom = top + pitch * chart.categories.length;
  const digits = chart.digits ?? 3;
  const clamp = (value: number) => Math.min(width - right, Math.max(left, x(value)));

  const parts = [names.markup];
  for (const tick of x.ticks) {
    parts.push(
      element("line", { x1: x(tick), x2: x(tick), y1: top - 4, y2: bottom, stroke: "#dfe3e8", class: "grid" }),
    );
    parts.push(label(x.format(tick), { x: x(tick), y: bottom + 17, "text-anchor": "middle" }));
  }
  for (const [k, category] of chart.categories.entries()) {
    const start = top + k * pitch + 6;
    const middle = start + (thickness * count) / 2 + 4;
    parts.push(label(fit(category, left - 14), { x: left - 8, y: middle, "text-anchor": "end" }));
    for (const [i, series] of chart.series.entries()) {
      const bar = series.values[k];
      if (bar === undefined || !Number.isFinite(bar.value)) continue;
      const y = start + i * thickness;
      const end = clamp(bar.value);
      const { interval } = bar;
      const range =
        interval === undefined ? "" : ` [${interval.low.toFixed(digits)}, ${interval.high.toFixed(digits)}]`;
      const shape = { x: left, y, width: Math.max(0, end - left), height: thickness - 2, rx: 2, ...mark(i) };
      const hint = `${series.label} · ${category}: ${bar.value.toFixed(digits)}${range}`;
      parts.push(element("rect", shape, [tooltip(hint)]));
      let textAt = end;
      if (interval !== undefined) {
        const from = clamp(interval.low);
        const to = clamp(interval.high);
        const centre = y + (thickness - 2) / 2;
        const cap = Math.min(4, thickness / 2 - 1);
        const d = `M${n(from)} ${n(centre)}H${n(to)}M${n(from)} ${n(centre - cap)}V${n(centre + cap)}M${n(to)} ${n(centre - cap)}V${n(centre + cap)}`;
        parts.push(element("path", { d, stroke: "#1f2630", "stroke-width": "1.2", fill: "none", class: "whisker" }));
        textAt = Math.max(end, to);
      }
      if (count <= 3) {
        parts.push(label(bar.value.toFixed(digits), { x: textAt + 6, y: y + thickness / 2 + 3, "font-size": 11 }));
      }
    }
  }
  parts.push(element("line", { x1: left, x2: left, y1: top - 4, y2: bottom, stroke: "#9aa3ae", class: "axis" }));
  parts.push(label(chart.yLabel, { x: (left + width - right) / 2, y: bottom + 37, "text-anchor": "middle" }));
  return document(width, bottom + 48, title, parts);
}

function n(value: number): number {
  return Math.round(value * 100) / 100;
}
