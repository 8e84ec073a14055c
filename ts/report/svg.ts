// What all charts share: an element writer with escaped values, colours, scales, tick marks. Charts are text: equal data
// give equal bytes. Colours are presentation attributes, so that a chart stands alone as a file; the page's style sheet
// overrides them by class, also in the dark.

import { escapeHtml } from "./escape.ts";

/** Okabe and Ito's palette, told apart with any colour vision, reordered for light and dark paper. */
export const seriesColours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#a6761d"];

export const fontFamily =
  "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'WenQuanYi Zen Hei', sans-serif";

export type Attributes = Record<string, string | number>;

/** At most two digits behind the point, no "-0". */
export function fixed(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded === 0 ? 0 : rounded);
}

export function element(name: string, attributes: Attributes, children: string[] = []): string {
  const pairs = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? fixed(value) : escapeHtml(value)}"`,
  );
  const open = `<${name}${pairs.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join("")}</${name}>`;
}

export function label(text: string, attributes: Attributes): string {
  return element("text", { "font-size": 12, fill: "#3d4450", class: "ink", ...attributes }, [escapeHtml(text)]);
}

/** The whole picture, with a title for those who cannot see it. */
export function document(width: number, height: number, title: string, children: string[]): string {
  const frame = { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${fixed(width)} ${fixed(height)}` };
  const attributes = { ...frame, width, height, role: "img", "font-family": fontFamily };
  return element("svg", attributes, [element("title", {}, [escapeHtml(title)]), ...children]);
}

export function colour(index: number): string {
  return seriesColours[index % seriesColours.length]!;
}

export function seriesClass(index: number): string {
  return `s${index % seriesColours.length}`;
}

/** Series past the palette's end are dashed with hollow marks, so that two of one colour stay apart. */
export function isDashed(index: number): boolean {
  return index >= seriesColours.length;
}

/** Paint of a filled mark of a series. */
export function mark(index: number): Attributes {
  if (!isDashed(index)) return { fill: colour(index), class: `${seriesClass(index)} fill` };
  return {
    fill: "#ffffff",
    stroke: colour(index),
    "stroke-width": "1.6",
    class: `${seriesClass(index)} stroke hollow`,
  };
}

/** Paint of a line of a series. */
export function stroke(index: number): Attributes {
  const line = { stroke: colour(index), "stroke-width": "2", "stroke-linejoin": "round" };
  return isDashed(index) ? { ...line, "stroke-dasharray": "6 3" } : line;
}

/** A tooltip of the browser's own, which needs no script. */
export function tooltip(text: string): string {
  return element("title", {}, [escapeHtml(text)]);
}

/** Width in pixels at 12 px: Han, kana and full-width characters take a whole em. */
export function textWidth(text: string, size = 12): number {
  let ems = 0;
  for (const char of text)
    ems += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(char) ? 1 : 0.56;
  return ems * size;
}

/** `text` cut to a width, with an ellipsis. */
export function fit(text: string, width: number, size = 12): string {
  if (textWidth(text, size) <= width) return text;
  let kept = "";
  for (const char of text) {
    if (textWidth(`${kept}${char}…`, size) > width) break;
    kept += char;
  }
  return `${kept}…`;
}

export interface Scale {
  (value: number): number;
  ticks: number[];
  format(value: number): string;
}

/** 1, 2 or 5 times a power of ten, about `count` steps over the range. */
export function niceStep(range: number, count: number): number {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = raw / power;
  return (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10) * power;
}

/** 1500 as 1.5k, 2000000 as 2M, 0.25 as 0.25. */
export function short(value: number): string {
  const size = Math.abs(value);
  const [unit, name] = size >= 1e9 ? [1e9, "B"] : size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  return `${Number((value / unit).toPrecision(4))}${name}`;
}

/** Maps `low..high` to `from..to` in pixels. */
export function linearScale(low: number, high: number, from: number, to: number, count = 5): Scale {
  const step = niceStep(high - low, count);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  const scale = (value: number) => from + ((value - low) / (high - low)) * (to - from);
  return Object.assign(scale, { ticks, format: short });
}

/** As linearScale in the logarithm; low must be above 0. Ticks at 1, 2 and 5 times powers of ten. */
export function logScale(low: number, high: number, from: number, to: number): Scale {
  const start = Math.log10(low);
  const span = Math.log10(high) - start;
  const all: number[] = [];
  for (let power = Math.floor(start); power <= Math.ceil(start + span); power++) {
    for (const factor of [1, 2, 5]) all.push(Number((factor * 10 ** power).toPrecision(12)));
  }
  const inside = all.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const decades = inside.filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e9) / 1e9));
  const ticks = span > 3 && decades.length > 1 ? decades : inside;
  const scale = (value: number) => from + ((Math.log10(value) - start) / span) * (to - from);
  return Object.assign(scale, { ticks, format: short });
}

/** Swatches with names in rows; returns the markup and its height. */
export function legend(names: string[], left: number, top: number, width: number): { markup: string; height: number } {
  if (names.length < 2) return { markup: "", height: 0 };
  const parts: string[] = [];
  let x = left;
  let y = top;
  for (const [i, name] of names.entries()) {
    const shown = fit(name, width - 30);
    const needed = textWidth(shown) + 34;
    if (x > left && x + needed > left + width) {
      x = left;
      y += 20;
    }
    parts.push(element("rect", { x, y, width: 12, height: 12, rx: 2, ...mark(i) }));
    parts.push(label(shown, { x: x + 17, y: y + 10.5 }));
    x += needed;
  }
  return { markup: parts.join(""), height: y - top + 26 };
}
