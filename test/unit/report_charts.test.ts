import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chartTable, renderChart } from "../../ts/report/chart.ts";
import type { Chart } from "../../ts/report/report.ts";
import { fit, linearScale, logScale, niceStep, short, textWidth } from "../../ts/report/svg.ts";
import { tags } from "../support/report_tags.ts";

const test = suite("report charts");

test("scales: round ticks, decades, short numbers", () => {
  assert.equal(
    [0.9, 1, 4, 7, 30].map((range) => niceStep(range, 5)),
    [0.2, 0.2, 1, 2, 10],
  );
  assert.equal(linearScale(0, 1, 0, 100).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.is(linearScale(0, 1, 0, 100)(0.25), 25);
  assert.equal(logScale(200_000, 2_000_000, 0, 100).ticks, [200_000, 500_000, 1_000_000, 2_000_000]);
  assert.is(logScale(1, 100, 0, 100)(10), 50);
  assert.equal(logScale(1e-6, 1, 0, 1).ticks, [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1]);
  assert.equal([0, 0.25, 1500, 15_000, 2_000_000, 3e9].map(short), ["0", "0.25", "1500", "15k", "2M", "3B"]);
  assert.is(textWidth("中文"), 24);
  assert.is(fit("开放问答类别", 50), "开放问…");
});

const line: Chart = {
  kind: "line",
  series: [
    { label: "训练", points: [3, 1, 2].map((x) => ({ x: 10 ** x, y: x, interval: { low: x - 0.5, high: x + 0.5 } })) },
    {
      label: "验证",
      points: [
        { x: 0, y: 1 },
        { x: 10, y: Number.NaN },
        { x: 100, y: 2 },
      ],
    },
  ],
  xLabel: "步数",
  yLabel: "损失",
  xLog: true,
};

test("line chart: sorted points, a band, points off a logarithmic axis are left out", () => {
  const svg = renderChart(line, "损失");
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/);
  assert.match(svg, "<title>损失</title>");
  assert.match(svg, "步数");
  assert.is(svg.match(/<polyline/g)!.length, 2);
  assert.is(svg.match(/<polygon/g)!.length, 1);
  assert.is(svg.match(/<circle/g)!.length, 4);
  const xs = /<polyline points="([^"]+)"/
    .exec(svg)![1]!
    .split(" ")
    .map((pair) => Number(pair.split(",")[0]));
  assert.equal(
    xs,
    [...xs].sort((a, b) => a - b),
  );
  assert.ok(Math.abs(xs[1]! - xs[0]! - (xs[2]! - xs[1]!)) < 0.05, "even in the logarithm");
});

test("charts are deterministic and hold no NaN, also without data", () => {
  const charts: Chart[] = [
    line,
    { ...line, series: [] },
    { ...line, xLog: false, yLog: true, series: [{ label: "a", points: [{ x: 1, y: 0 }] }] },
    { ...line, xLog: false, series: [{ label: "a", points: [{ x: 5, y: 5 }] }] },
    { kind: "bars", categories: [], series: [], yLabel: "", yRange: [0, 1] },
    {
      kind: "bars",
      categories: ["a"],
      series: [{ label: "s", values: [{ value: 2, interval: { low: -1, high: 3 } }] }],
      yLabel: "",
      yRange: [0, 1],
    },
    {
      kind: "radar",
      axes: ["a", "b", "c"],
      series: [{ label: "s", values: [0.5, undefined, Number.NaN] }],
      range: [0, 1],
    },
    { kind: "radar", axes: [], series: [], range: [0, 1] },
    { kind: "heatmap", rows: [], columns: [], values: [], range: [0, 1], digits: 2 },
    { kind: "heatmap", rows: ["a"], columns: ["很长的列名称很长的列名称"], values: [[9]], range: [0, 1], digits: 2 },
  ];
  for (const chart of charts) {
    const svg = renderChart(chart, "t");
    assert.not.match(svg, /NaN|Infinity|undefined/, svg);
    assert.is(renderChart(structuredClone(chart), "t"), svg);
    tags(svg);
  }
});

test("bars: lengths are in proportion, whiskers keep to the plot", () => {
  const values = [0.2, 0.4].map((value) => ({ value, interval: { low: value - 0.1, high: 2 } }));
  const svg = renderChart(
    { kind: "bars", categories: ["甲", "乙"], series: [{ label: "m", values }], yLabel: "分", yRange: [0, 1] },
    "t",
  );
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  assert.ok(Math.abs(widths[1]! / widths[0]! - 2) < 0.001);
  const ends = [...svg.matchAll(/H([\d.]+)M/g)].map(([, end]) => Number(end));
  assert.equal(ends, [656, 656]);
});

test("radar: a missing value leaves a gap and is not drawn as zero", () => {
  const chart = (values: Array<number | undefined>): Chart => ({
    kind: "radar",
    axes: ["a", "b", "c", "d"],
    series: [{ label: "m", values }],
    range: [0, 1],
  });
  assert.match(renderChart(chart([1, 1, 1, 1]), "t"), /<polygon points="[^"]+" fill="#0072b2"/);
  const gap = renderChart(chart([1, 1, undefined, 1]), "t");
  assert.not.match(gap, /<polygon points="[^"]+" fill="#0072b2"/);
  assert.is(/<path d="([^"]+)"/.exec(gap)![1]!.match(/M/g)!.length, 2);
});

test("a chart's table thins long lines and keeps both ends", () => {
  const points = Array.from({ length: 1000 }, (_, x) => ({ x, y: x }));
  const { rows } = chartTable({ kind: "line", series: [{ label: "a", points }], xLabel: "x", yLabel: "y" });
  assert.is(rows.length, 24);
  assert.is(rows[0]![0], "0");
  assert.is(rows.at(-1)![0], "999");
});

test.run();
