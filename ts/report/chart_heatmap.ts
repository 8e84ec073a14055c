// A grid of coloured values with the number in each cell.

import type { HeatmapChart } from "./report.ts";
import { document, element, fit, label, textWidth, tooltip } from "./svg.ts";

const cellHeight = 34;
/** ColorBrewer's diverging RdBu ends through near-white: low, middle, high. */
const stops: Array<[number, number, number]> = [
  [202, 86, 72],
  [247, 247, 245],
  [44, 123, 182],
];

/** The colour at 0..1, and whether dark ink is readable on it. */
function shade(part: number): { fill: string; ink: string } {
  const at = Math.min(1, Math.max(0, part)) * 2;
  const i = at < 1 ? 0 : 1;
  const from = stops[i]!;
  const to = stops[i + 1]!;
  const mix = [0, 1, 2].map((c) => Math.round(from[c]! + (to[c]! - from[c]!) * (at - i)));
  const light = (0.299 * mix[0]! + 0.587 * mix[1]! + 0.114 * mix[2]!) / 255;
  return { fill: `rgb(${mix.join(",")})`, ink: light > 0.56 ? "#1f2630" : "#ffffff" };
}

export function heatmapChart(chart: HeatmapChart, title: string): string {
  const left = Math.min(200, Math.max(60, ...chart.rows.map((name) => textWidth(name))) + 14);
  const columns = Math.max(1, chart.columns.length);
  const cellWidth = Math.max(34, Math.min(96, (720 - left - 10) / columns));
  const width = Math.max(300, left + cellWidth * columns + 10);
  // Long column names stand upright, short ones lie.
  const longest = Math.max(0, ...chart.columns.map((name) => textWidth(name)));
  const slanted = longest > cellWidth - 6;
  const top = slanted ? Math.min(130, longest + 16) : 28;
  const [low, high] = chart.range;

  const parts: string[] = [];
  for (const [c, name] of chart.columns.entries()) {
    const x = left + (c + 0.5) * cellWidth;
    const upright = {
      x,
      y: top - 8,
      transform: `rotate(-90 ${Math.round(x * 100) / 100} ${top - 8})`,
      "text-anchor": "start",
    };
    parts.push(
      slanted
        ? label(fit(name, top - 14), { ...upright, dy: 4 })
        : label(name, { x, y: top - 9, "text-anchor": "middle" }),
    );
  }
  for (const [r, name] of chart.rows.entries()) {
    const y = top + r * cellHeight;
    parts.push(label(fit(name, left - 12), { x: left - 8, y: y + cellHeight / 2 + 4, "text-anchor": "end" }));
    for (const [c, column] of chart.columns.entries()) {
      const value = chart.values[r]?.[c];
      const box = { x: left + c * cellWidth + 1, y: y + 1, width: cellWidth - 2, height: cellHeight - 2, rx: 3 };
      if (value === undefined || !Number.isFinite(value)) {
        parts.push(element("rect", { ...box, fill: "none", stroke: "#dfe3e8", class: "grid" }));
        continue;
      }
      const { fill, ink } = shade((value - low) / (high - low));
      const number = value.toFixed(chart.digits);
      parts.push(element("rect", { ...box, fill }, [tooltip(`${name} · ${column}: ${number}`)]));
      const at = { x: left + (c + 0.5) * cellWidth, y: y + cellHeight / 2 + 4, "text-anchor": "middle", fill: ink };
      parts.push(label(number, { ...at, class: "cell" }));
    }
  }
  return document(width, top + cellHeight * chart.rows.length + 10, title, parts);
}
