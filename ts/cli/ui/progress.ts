// One progress line: done/total, rate, fields such as the loss, time left. On a terminal it redraws itself; elsewhere a
// line appears every few seconds, so that logs stay readable.
import type { Language } from "../../config/language.ts";

export interface ProgressState {
  done: number;
  /** 0: unknown. */
  total: number;
  /** What is counted: "step", "row". */
  unit?: string;
  /** Shown as they are: { loss: "2.1043" }. */
  fields?: Readonly<Record<string, string>>;
}

export interface Progress {
  update(state: ProgressState): void;
  /** Clears the terminal line, or prints the last state elsewhere. */
  finish(): void;
}

export interface ProgressOptions {
  label: string;
  language: Language;
  write(text: string): void;
  isTerminal: boolean;
  columns: number;
  now?: () => number;
}

const redrawMs = 100;
const lineMs = 5000;
const clearLine = "\r\u001b[K";

export const silentProgress: Progress = { update: () => {}, finish: () => {} };

export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const two = (n: number) => String(n).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)}G`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)}M`;
  return count >= 1e4 ? `${(count / 1e3).toFixed(1)}k` : String(count);
}

/** Columns the text takes on a terminal: Han, kana, hangul and full-width forms take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(char)
      ? 2
      : 1;
  return width;
}

function cut(text: string, columns: number): string {
  let width = 0;
  let kept = "";
  for (const char of text) {
    width += displayWidth(char);
    if (width > columns) return kept;
    kept += char;
  }
  return kept;
}

export function createProgress(options: ProgressOptions): Progress {
  const now = options.now ?? Date.now;
  const began = now();
  // The rate counts from the first update: resumed work begins above zero.
  let first: { done: number; at: number } | undefined;
  let last: ProgressState | undefined;
  // A terminal draws at once; a log gets its first line when the work turns out to be long.
  let shownAt = options.isTerminal ? Number.NEGATIVE_INFINITY : began;
  let pending = false;

  const line = (state: ProgressState): string => {
    const parts = [options.label];
    const unit = state.unit === undefined ? "" : ` ${state.unit}`;
    if (state.total > 0) {
      parts.push(
        `${formatCount(state.done)}/${formatCount(state.total)}${unit} (${Math.floor((100 * state.done) / state.total)}%)`,
      );
    } else parts.push(`${formatCount(state.done)}${unit}`);
    const seconds = first === undefined ? 0 : (now() - first.at) / 1000;
    const rate = first === undefined || seconds <= 0 ? 0 : (state.done - first.done) / seconds;
    if (rate > 0) parts.push(`${rate >= 100 ? formatCount(Math.round(rate)) : rate.toPrecision(3)}/s`);
    for (const [name, value] of Object.entries(state.fields ?? {})) parts.push(`${name} ${value}`);
    if (rate > 0 && state.total > state.done) {
      const left = formatSeconds((state.total - state.done) / rate);
      parts.push(options.language === "zh" ? `剩余 ${left}` : `${left} left`);
    }
    return parts.join("  ");
  };
  const show = (state: ProgressState) => {
    pending = false;
    shownAt = now();
    options.write(options.isTerminal ? clearLine + cut(line(state), options.columns - 1) : `${line(state)}\n`);
  };
  return {
    update(state) {
      first ??= { done: state.done, at: began };
      last = state;
      pending = true;
      if (now() - shownAt >= (options.isTerminal ? redrawMs : lineMs)) show(state);
    },
    finish() {
      if (options.isTerminal) options.write(clearLine);
      else if (pending && last !== undefined) show(last);
    },
  };
}
