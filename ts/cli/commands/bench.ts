// belle-train bench
import { availableParallelism, loadavg } from "node:os";
import { resolve } from "node:path";
import { dtypes } from "../../native/dtype.ts";
import { BelleError } from "../../native/errors.ts";
import { type ClaimReport, chooseClaims, claims, runClaim } from "../bench.ts";
import { defineCommand } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { benchTable } from "../views/bench_view.ts";

export const command = defineCommand({
  positionals: {
    claims: {
      type: "strings",
      text: {
        en: `Any of ${claims.join(", ")}; default: all, bpe_train only with --file`,
        zh: `可选 ${claims.join("、")}；默认全部，bpe_train 仅在给出 --file 时运行`,
      },
    },
  },
  options: {
    peer: {
      type: "string",
      text: {
        en: "A Python with torch and transformers, to be measured in alternation",
        zh: "装有 torch 和 transformers 的 Python，与本程序交替测量",
      },
    },
    dtype: {
      type: "string",
      choices: dtypes,
      default: "bfloat16",
      text: { en: "Type of weights and activations", zh: "权重和激活的类型" },
    },
    threads: {
      type: "number",
      default: 0,
      text: { en: "CPU threads; 0: all cores", zh: "CPU 线程数；0 表示全部核心" },
    },
    rounds: {
      type: "number",
      text: { en: "Measurements of each figure; default 3", zh: "每个数据的测量次数；默认 3" },
    },
    file: { type: "string", text: { en: "Text for bpe_train, one sentence a line", zh: "bpe_train 的文本，每行一句" } },
    quick: {
      type: "boolean",
      default: false,
      text: { en: "The smallest shape once: that it runs, not how fast", zh: "只测最小形状一次：只验证能否运行" },
    },
  },
  examples: [
    [
      "belle-train bench train_step --peer python3",
      {
        en: "tokens/s and memory of a training step, beside PyTorch",
        zh: "训练一步的 token/s 和内存，并与 PyTorch 对比",
      },
    ],
  ],
  async run(args, context) {
    const chosen = chooseClaims(args.claims ?? [], args.file, context.text);
    const words = [
      ...["--dtype", args.dtype, "--threads", String(args.threads)],
      ...(args.rounds === undefined ? [] : ["--rounds", String(args.rounds)]),
      ...(args.peer === undefined ? [] : ["--peer", args.peer]),
      ...(args.quick ? ["--quick"] : []),
    ];
    const load = loadavg()[0]!;
    if (load > 0.5 * availableParallelism() && !args.quick) {
      context.warn({
        en: `Other programs are running (load ${load.toFixed(1)} on ${availableParallelism()} cores): the figures will be too low.`,
        zh: `其他程序正在运行（${availableParallelism()} 个核心，负载 ${load.toFixed(1)}）：测得的数据会偏低。`,
      });
    }
    const reports: ClaimReport[] = [];
    let failed = 0;
    for (const [i, claim] of chosen.entries()) {
      context.note({
        en: `measuring ${claim} (${i + 1}/${chosen.length})`,
        zh: `测量 ${claim}（${i + 1}/${chosen.length}）`,
      });
      const progress = context.progress({ en: claim, zh: claim });
      const own = claim === "bpe_train" ? ["--file", resolve(args.file!)] : [];
      try {
        const report = await runClaim(
          claim,
          [...words, ...own],
          context.language,
          context.signal,
          (done, total, label) => progress.update({ done, total, fields: { "": label } }),
        ).finally(() => progress.finish());
        reports.push(report);
        context.event(report);
        if (!context.json) context.data(`${reports.length > 1 ? "\n" : ""}${benchTable([report], context.text)}`);
      } catch (error) {
        // One claim that cannot run does not hide the others.
        if (!(error instanceof BelleError) || error.code !== "ERR_BELLE_ENVIRONMENT") throw error;
        failed++;
        context.event({ claim, error: { code: error.code, message: error.message } });
        context.warn({ en: error.message, zh: error.message });
      }
    }
    return failed > 0 ? exitCodes.failure : exitCodes.done;
  },
});
