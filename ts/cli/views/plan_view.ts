// A training plan as text: the memory table and its verdict, then speed and time.
import type { Text } from "../../config/language.ts";
import type { MemoryItem, TrainingPlan } from "../../train/plan.ts";
import { formatCount, formatSeconds } from "../ui/progress.ts";
import { describe } from "../ui/table.ts";

const parts: Record<MemoryItem["name"], Text> = {
  weights: { en: "weights", zh: "权重" },
  master_remainder: { en: "low halves of the float32 weights", zh: "float32 权重的低位" },
  gradients: { en: "gradients", zh: "梯度" },
  adam_m: { en: "AdamW, first moment", zh: "AdamW 一阶矩" },
  adam_v: { en: "AdamW, second moment", zh: "AdamW 二阶矩" },
  saved_activations: { en: "activations kept for the backward pass", zh: "为反向传播保留的激活" },
  scratch_activations: { en: "working space", zh: "工作区" },
  logits_chunk: { en: "logits, one chunk", zh: "logits（一块）" },
  batch_window: { en: "tokens and labels of a step", zh: "一步的 token 与标签" },
  process: { en: "Node.js and the addon", zh: "Node.js 与原生扩展" },
};

const verdicts: Record<TrainingPlan["memory"]["verdict"], Text> = {
  fits: { en: "✓ fits", zh: "✓ 放得下" },
  tight: {
    en: "! fits only when other programs give memory back; end some, or change one of:",
    zh: "! 只有其他程序释放内存才放得下；请结束一些程序，或修改以下之一：",
  },
  exceeds: { en: "✗ does not fit; change one or more of:", zh: "✗ 放不下；请修改以下一项或几项：" },
};

function size(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  const value = bytes / Number(unit);
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ${name}`;
}

export function planText(plan: TrainingPlan, tell: (text: Text) => string): string {
  const t = (en: string, zh: string) => tell({ en, zh });
  const { memory, speed, run } = plan;
  const share = (bytes: number) => `${((100 * bytes) / memory.totalBytes).toFixed(1)}%`.padStart(6);
  const line = (name: string, bytes: number): [string, string] => [name, `${size(bytes).padStart(8)}  ${share(bytes)}`];
  const table = describe([
    ...memory.items.filter(({ bytes }) => bytes > 0).map(({ name, bytes }) => line(tell(parts[name]), bytes)),
    line(t("total", "合计"), memory.totalBytes),
  ]);
  const machine = t(
    `${size(memory.machineBytes)} on this machine, ${size(memory.availableBytes)} of it free`,
    `本机内存 ${size(memory.machineBytes)}，其中 ${size(memory.availableBytes)} 可用`,
  );
  const savings = describe(
    memory.savings.map(({ change, totalBytes }) => [
      `  ${change}`,
      `${t("total", "合计")} ${size(totalBytes)}${totalBytes <= memory.machineBytes ? " ✓" : ""}`,
    ]),
  );
  const facts: Array<[string, string]> = [
    [
      t("model", "模型"),
      `${formatCount(plan.parameters)} ${t("parameters", "参数")}, ${plan.layers} ${t("layers", "层")}, ${plan.dtype}`,
    ],
    [t("tokens of a step", "每步 token 数"), formatCount(plan.tokensPerStep)],
    [t("operations of a token", "每个 token 的运算量"), `${(plan.flopsPerToken / 1e9).toPrecision(3)} GFLOP`],
  ];
  if ("skipped" in speed) {
    if (speed.skipped === "memory") {
      const why = t("not measured: not even one layer fits in the free memory", "未测量：可用内存连一层的薄片也放不下");
      facts.push([t("speed", "速度"), why]);
    }
  } else {
    const depths = speed.measuredLayers.join(t(" and ", " 层和 "));
    const rough = speed.measuredLayers.length === 1 && plan.layers > 1;
    facts.push(
      [
        t("speed", "速度"),
        `${formatCount(Math.round(speed.tokensPerSecond))} ${t("tokens/s", "token/秒")}, ${t("a step of", "每步")} ${speed.stepSeconds.toPrecision(3)} s, MFU ${(100 * speed.mfu).toFixed(0)}%`,
      ],
      [
        t("measured", "测量"),
        rough
          ? t(
              "on 1 layer alone, the others by their operations: rough; more --measure-seconds for a second slice",
              "只用 1 层，其余按运算量推算：仅供参考；增大 --measure-seconds 可再测一个薄片",
            )
          : t(
              `on ${depths} layers: ${speed.baseSeconds.toPrecision(3)} s + ${speed.layerSeconds.toPrecision(3)} s a layer`,
              `用 ${depths} 层：${speed.baseSeconds.toPrecision(3)} 秒 + 每层 ${speed.layerSeconds.toPrecision(3)} 秒`,
            ),
      ],
    );
    if (speed.disturbed) {
      const why = t(
        "not to be trusted: other programs disturbed the measurement; end them and plan again",
        "不可信：测量受到其他程序干扰；请结束它们后重新预估",
      );
      facts.push(["", why]);
    }
  }
  if (run === undefined) {
    const how = t(
      "unknown: set max_steps, or prepare the data first (`belle-train data prepare --config`)",
      "未知：请设置 max_steps，或先准备数据（`belle-train data prepare --config`）",
    );
    facts.push([t("run", "训练"), how]);
  } else {
    const time = run.hours === undefined ? "" : `, ${formatSeconds(run.hours * 3600)} (${t("h:mm:ss", "时:分:秒")})`;
    facts.push([t("run", "训练"), `${run.steps} ${t("steps", "步")}, ${formatCount(run.tokens)} token${time}`]);
  }
  return `${table}\n${tell(verdicts[memory.verdict])}\n${savings}${machine}\n\n${describe(facts)}`;
}
