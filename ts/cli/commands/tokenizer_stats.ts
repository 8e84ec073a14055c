// belle-train tokenizer stats
import { readRows } from "../../data/rows.ts";
import { throwIfAborted } from "../../native/abort.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { type Context, defineCommand } from "../command.ts";
import { describe } from "../ui/table.ts";

const typeNames: Readonly<Record<number, string>> = {
  1: "normal",
  2: "unknown",
  3: "control",
  4: "user_defined",
  5: "unused",
  6: "byte",
};

interface TextCounts {
  path: string;
  lines: number;
  characters: number;
  bytes: number;
  tokens: number;
  unknownTokens: number;
  byteTokens: number;
}

async function countText(path: string, tokenizer: Tokenizer, types: Uint8Array, context: Context): Promise<TextCounts> {
  const counts: TextCounts = { path, lines: 0, characters: 0, bytes: 0, tokens: 0, unknownTokens: 0, byteTokens: 0 };
  let batch: string[] = [];
  let size = 0;
  const flush = () => {
    const { ids } = tokenizer.encodeBatch(batch);
    counts.tokens += ids.length;
    for (const id of ids) {
      if (types[id] === 2) counts.unknownTokens++;
      else if (types[id] === 6) counts.byteTokens++;
    }
    batch = [];
    size = 0;
  };
  const reader = await readRows(path, { text: true });
  for await (const row of reader.rows) {
    if (row.kind === "bad" || typeof row.value !== "string") continue;
    counts.lines++;
    counts.characters += [...row.value].length;
    counts.bytes += Buffer.byteLength(row.value);
    size += batch.push(row.value) && row.value.length;
    if (size > 1 << 16) {
      flush();
      throwIfAborted(context.signal, "Counting");
    }
  }
  flush();
  return counts;
}

export const command = defineCommand({
  positionals: {
    tokenizer: {
      type: "string",
      required: true,
      text: { en: "tokenizer.model or a folder that holds one", zh: "tokenizer.model 或包含它的文件夹" },
    },
    files: {
      type: "strings",
      text: { en: "Plain text files to measure compression on", zh: "用于测量压缩率的纯文本文件" },
    },
  },
  async run(args, context) {
    const tokenizer = await Tokenizer.load(args.tokenizer);
    const pieces = tokenizer.pieces();
    const byType: Record<string, number> = {};
    for (const { type } of pieces) {
      const name = typeNames[type] ?? String(type);
      byType[name] = (byType[name] ?? 0) + 1;
    }
    const hanPieces = pieces.filter(({ piece }) => /\p{Script=Han}/u.test(piece)).length;
    const types = Uint8Array.from(pieces, ({ type }) => type);
    const texts: TextCounts[] = [];
    for (const path of args.files ?? []) texts.push(await countText(path, tokenizer, types, context));
    const { info, bosId, eosId, padId, unkId, vocabSize, fingerprint } = tokenizer;
    const value = { vocabSize, fingerprint, ...info, bosId, eosId, padId, unkId, types: byType, hanPieces, texts };
    const label = (en: string, zh: string) => context.text({ en, zh });
    context.result(value, () =>
      describe([
        [label("rows", "行数"), String(vocabSize)],
        [
          label("pieces by type", "按类型"),
          Object.entries(byType)
            .map(([name, count]) => `${name} ${count}`)
            .join(", "),
        ],
        [label("pieces with Han characters", "含汉字的词元"), String(hanPieces)],
        ["unk/bos/eos/pad", `${unkId} / ${bosId} / ${eosId} / ${padId}`],
        [label("normalizer", "规范化"), info.normalizer],
        [label("fingerprint", "指纹"), fingerprint],
        ...texts.flatMap(
          (text): Array<[string, string]> => [
            [
              text.path,
              label(
                `${text.lines} lines, ${text.characters} characters, ${text.tokens} tokens`,
                `${text.lines} 行，${text.characters} 字符，${text.tokens} token`,
              ),
            ],
            [
              "",
              label(
                `${(text.tokens / Math.max(1, text.lines)).toFixed(2)} tokens/line, ${(text.characters / Math.max(1, text.tokens)).toFixed(3)} characters/token, ${text.unknownTokens} unknown, ${text.byteTokens} bytes`,
                `${(text.tokens / Math.max(1, text.lines)).toFixed(2)} token/行，${(text.characters / Math.max(1, text.tokens)).toFixed(3)} 字符/token，未知 ${text.unknownTokens}，字节 ${text.byteTokens}`,
              ),
            ],
          ],
        ),
      ]),
    );
  },
});
