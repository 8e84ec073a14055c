// One axis a category, one closed line a series. A missing value leaves a gap: it is not drawn as zero.

import type { RadarChart } from "./report.ts";
import { colour, document, element, label, legend, linearScale, mark, seriesClass, stroke, tooltip } from "./svg.ts";

const width = 720;
const radius = 150;

export function radarChart(chart: RadarChart, title: string): string {
  const names = legend(
    chart.series.map((one) => one.label),
    40,
    6,
    width - 80,
  );
  const centreX = width / 2;
  const centreY = names.height + radius + 44;
  const r = linearScale(chart.range[0], chart.range[1], 0, radius);
  const count = chart.axes.length;
  const place = (k: number, distance: number): [number, number] => {
    const angle = (2 * Math.PI * k) / count - Math.PI / 2;
    return [centreX + distance * Math.cos(angle), centreY + distance * Math.sin(angle)];
  };
  const ring = (distance: number) => chart.axes.map((_, k) => text(place(k, distance))).join(" ");

  const parts = [names.markup];
  for (const tick of r.ticks) {
    if (r(tick) <= 0) continue;
    parts.push(element("polygon", { points: ring(r(tick)), fill: "none", stroke: "#dfe3e8", class: "grid" }));
  }
  for (const [k, axis] of chart.axes.entries()) {
    const [x, y] = place(k, radius);
    parts.push(element("line", { x1: centreX, y1: centreY, x2: x, y2: y, stroke: "#dfe3e8", class: "grid" }));
    const [tx, ty] = place(k, radius + 14);
    const anchor = Math.abs(tx - centreX) < 8 ? "middle" : tx > centreX ? "start" : "end";
    const shift = ty < centreY - radius + 8 ? -2 : ty > centreY + radius - 8 ? 12 : 4;
    parts.push(label(axis, { x: tx, y: ty + shift, "text-anchor": anchor }));
  }
  for (const [i, series] of chart.series.entries()) {
    parts.push(outline(series.values, i, (k, value) => place(k, Math.min(radius, Math.max(0, r(value))))));
    for (const [k, value] of series.values.entries()) {
      if (value === undefined || !Number.isFinite(value)) continue;
      const [cx, cy] = place(k, Math.min(radius, Math.max(0, r(value))));
      const dot = { cx, cy, r: 3, ...mark(i) };
      parts.push(element("circle", dot, [tooltip(`${series.label} · ${chart.axes[k] ?? ""}: ${value.toFixed(3)}`)]));
    }
  }
  for (const tick of r.ticks) {
    if (r(tick) > 0) parts.push(label(r.format(tick), { x: centreX + 4, y: centreY - r(tick) + 11, "font-size": 10 }));
  }
  return document(width, centreY + radius + 34, title, parts);
}

/** A filled polygon when every value is there, else the edges between neighbours that are. */
function outline(
  values: Array<number | undefined>,
  i: number,
  place: (k: number, value: number) => [number, number],
): string {
  const there = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);
  if (values.every(there)) {
    const points = values.map((value, k) => text(place(k, value))).join(" ");
    const fill = { fill: colour(i), "fill-opacity": "0.1" };
    return element("polygon", { points, ...fill, ...stroke(i), class: `${seriesClass(i)} fill stroke` });
  }
  const edges = values.flatMap((value, k) => {
    const next = (k + 1) % values.length;
    const other = values[next];
    return there(value) && there(other) ? [`M${text(place(k, value))}L${text(place(next, other))}`] : [];
  });
  return edges.length === 0
    ? ""
    : element("path", { d: edges.join(""), fill: "none", ...stroke(i), class: `${seriesClass(i)} stroke` });
}

function text([x, y]: [number, number]): string {
  return `${Math.round(x * 100) / 100},${Math.round(y * 100) / 100}`;
}
