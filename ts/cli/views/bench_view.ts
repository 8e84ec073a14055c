// The figures of benchmarks as a table.
import type { Text } from "../../config/language.ts";
import type { ClaimReport, ClaimResult, ClaimSummary } from "../bench.ts";
import { displayWidth } from "../ui/progress.ts";

type Tell = (text: Text) => string;

/** Four digits; thousands are whole. */
function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

function spread({ median, min, max }: ClaimSummary): string {
  return min === max ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** What the figure is to be judged by. */
function against(result: ClaimResult, tell: Tell): string {
  const { peer, times_better, share_of_peak, times_three_gemms } = result;
  if (peer !== undefined && times_better !== undefined) {
    const [theirs, times] = [spread(peer), figure(times_better.median)];
    return tell({ en: `peer ${theirs}: ${times} × better`, zh: `对方 ${theirs}：优 ${times} 倍` });
  }
  if (share_of_peak !== undefined) {
    const percent = (100 * share_of_peak.median).toFixed(0);
    return tell({ en: `${percent}% of the register peak`, zh: `寄存器峰值的 ${percent}%` });
  }
  if (times_three_gemms !== undefined) {
    const times = times_three_gemms.median.toFixed(2);
    return tell({ en: `${times} × its three GEMMs`, zh: `其三个 GEMM 的 ${times} 倍` });
  }
  return "";
}

/** Lines of columns, each as wide as its widest cell; Chinese counts as two columns. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column]!))));
  const padded = (cell: string, column: number) => cell + " ".repeat(widths[column]! - displayWidth(cell));
  return rows.map((row) => `${row.map(padded).join("  ").trimEnd()}\n`).join("");
}

/** A table of every claim, under its name, dtype, threads and rounds. */
export function benchTable(reports: readonly ClaimReport[], tell: Tell): string {
  return reports
    .map(({ claim, dtype, threads, rounds, results }) => {
      const heading = tell({
        en: `${claim}, ${dtype}, ${threads} threads, ${rounds} rounds`,
        zh: `${claim}，${dtype}，${threads} 线程，${rounds} 轮`,
      });
      const rows = results.map((result) => [
        `  ${result.name}`,
        `${spread(result.ours)} ${result.unit}`,
        against(result, tell),
      ]);
      return `${heading}\n${columns(rows)}`;
    })
    .join("\n");
}
