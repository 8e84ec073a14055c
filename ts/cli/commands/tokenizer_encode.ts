// belle-train tokenizer encode
import { BelleError } from "../../native/errors.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { type Context, defineCommand } from "../command.ts";
import { readInputLines } from "../stdin.ts";

function parseIds(line: string, context: Context): Uint32Array {
  const words = line.split(/[\s,]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !/^\d{1,10}$/.test(word) || Number(word) > 0xffffffff);
  if (wrong !== undefined) {
    throw new BelleError(
      "ERR_BELLE_USAGE",
      context.text({
        en: `${JSON.stringify(wrong)} is not a token id; give whole numbers separated by spaces.`,
        zh: `${JSON.stringify(wrong)} 不是 token id；请给出以空格分隔的整数。`,
      }),
    );
  }
  return Uint32Array.from(words, Number);
}

export const command = defineCommand({
  positionals: {
    tokenizer: {
      type: "string",
      required: true,
      text: {
        en: "tokenizer.model, tokenizer.json, a well-known tiktoken file, or a folder",
        zh: "tokenizer.model、tokenizer.json、常见的 tiktoken 文件，或其文件夹",
      },
    },
    texts: {
      type: "strings",
      text: { en: "Texts; without any, each line of stdin is one", zh: "文本；不给出时，标准输入的每一行为一段" },
    },
  },
  options: {
    decode: { type: "boolean", default: false, text: { en: "The texts are ids: decode them", zh: "输入为 id：解码" } },
    pieces: { type: "boolean", default: false, text: { en: "Print pieces instead of ids", zh: "输出词元而不是 id" } },
    bos: {
      type: "boolean",
      default: false,
      text: { en: "Begin with the begin-of-sequence id", zh: "开头加上序列开始 id" },
    },
    eos: {
      type: "boolean",
      default: false,
      text: { en: "End with the end-of-sequence id", zh: "结尾加上序列结束 id" },
    },
  },
  examples: [["belle-train tokenizer encode tokenizer.model 你好", { en: "ids of one text", zh: "一段文本的 id" }]],
  async run(args, context) {
    const tokenizer = await Tokenizer.load(args.tokenizer);
    const texts = args.texts?.length ? args.texts.map(String) : await readInputLines(context.signal);
    if (args.decode) {
      for (const line of texts) {
        const text = tokenizer.decode(parseIds(line, context));
        context.result({ text }, () => text);
      }
      return;
    }
    const vocabulary = args.pieces || context.json ? tokenizer.pieces() : [];
    const { ids, offsets } = tokenizer.encodeBatch(texts, { bos: args.bos, eos: args.eos });
    for (const [i, text] of texts.entries()) {
      const own = [...ids.subarray(offsets[i]!, offsets[i + 1]!)];
      const pieces = () => own.map((id) => vocabulary[id]!.piece);
      context.result(context.json ? { text, ids: own, pieces: pieces() } : {}, () =>
        (args.pieces ? pieces() : own).join(" "),
      );
    }
  },
});
