// belle-train data stats
import { formats, sourceSchema } from "../../config/data.ts";
import { inspectFolder } from "../../data/manifest.ts";
import { type DataStats, dataStats } from "../../data/stats.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { type Context, defineCommand } from "../command.ts";
import { describe } from "../ui/table.ts";

function rows(stats: DataStats, context: Context): Array<[string, string]> {
  const label = (en: string, zh: string) => context.text({ en, zh });
  const dropped = Object.entries(stats.dropped)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ");
  const list: Array<[string, string]> = [
    [label("file", "文件"), stats.path],
    [label("format", "格式"), stats.format],
    [label("rows", "行数"), String(stats.rows)],
    [label("samples", "样本"), String(stats.samples)],
    [label("dropped", "丢弃"), dropped === "" ? "0" : dropped],
    [label("turns", "轮数"), String(stats.turns)],
    [label("characters", "字符"), String(stats.characters)],
    [label("Han characters", "汉字"), String(stats.hanCharacters)],
  ];
  if (stats.tokens !== undefined) {
    list.push([label("tokens", "token 数"), String(stats.tokens)]);
    list.push([label("supervised", "计入损失"), String(stats.supervisedTokens)]);
    list.push([label("characters/token", "字符/token"), (stats.characters / stats.tokens).toFixed(3)]);
    const { p50, p90, p99, max } = stats.lengths!;
    list.push([label("length p50/p90/p99/max", "长度 p50/p90/p99/最大"), `${p50} / ${p90} / ${p99} / ${max}`]);
  }
  return list;
}

export const command = defineCommand({
  positionals: {
    files: {
      type: "strings",
      required: true,
      text: { en: "Data files, or folders of token shards", zh: "数据文件，或 token 数据文件夹" },
    },
  },
  options: {
    tokenizer: { type: "string", text: { en: "Also count tokens with this tokenizer", zh: "用该分词器统计 token 数" } },
    format: { type: "string", choices: formats, default: "auto", text: { en: "Shape of a row", zh: "每行数据的形状" } },
    "sample-by": {
      type: "string",
      choices: ["line", "paragraph", "document"],
      default: "line",
      text: { en: "What a sample of plain text is", zh: "纯文本以什么为一个样本" },
    },
  },
  async run(args, context) {
    const tokenizer = args.tokenizer === undefined ? undefined : await Tokenizer.load(args.tokenizer);
    for (const path of args.files) {
      const folder = await inspectFolder(path);
      if (folder.kind === "shards") {
        const { manifest } = folder;
        const { sources, dropped, schema, ...counts } = manifest;
        const list = Object.entries(counts).map(([name, value]): [string, string] => [name, String(value)]);
        const lines = sources.map((source): [string, string] => [
          source.path,
          `${source.format} ${source.samples}/${source.rows}, ${source.tokens} tokens`,
        ]);
        context.result({ folder: path, manifest }, () =>
          describe([["schema", schema], ...list, ["dropped", JSON.stringify(dropped)], ...lines]),
        );
        continue;
      }
      const source = sourceSchema.parse({ path, format: args.format, sample_by: args["sample-by"] });
      const stats = await dataStats(source, { signal: context.signal, ...(tokenizer ? { tokenizer } : {}) });
      context.result(stats, () => describe(rows(stats, context)));
    }
  },
});
