// belle-train tokenizer stats
import { readRows } from "../../data/rows.ts";
import { throwIfAborted } from "../../native/abort.ts";
import { commitText } from "../../native/commit_text.ts";
import { BelleError } from "../../native/errors.ts";
import { renderHtml } from "../../report/html.ts";
import { tokenizerReport } from "../../report/tokenizer_report.ts";
import { type TokenizerStats, UsageCounter, vocabularyStats } from "../../report/tokenizer_stats.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { type Context, defineCommand } from "../command.ts";
import { statsView } from "../views/stats_view.ts";

interface Subject {
  path: string;
  tokenizer: Tokenizer;
  pieces: ReturnType<Tokenizer["pieces"]>;
  counter: UsageCounter;
}

/** Characters of a batch: some milliseconds of encoding. */
const batchSize = 1 << 16;

async function loadSubject(path: string): Promise<Subject> {
  const tokenizer = await Tokenizer.load(path);
  const pieces = tokenizer.pieces();
  return { path, tokenizer, pieces, counter: new UsageCounter(pieces) };
}

/** Reads the file once for all tokenizers. */
async function countText(path: string, subjects: readonly Subject[], context: Context): Promise<void> {
  const size = { lines: 0, characters: 0, bytes: 0 };
  const sums = subjects.map(() => ({ tokens: 0, unknownTokens: 0, byteTokens: 0 }));
  const progress = context.progress({ en: `reading ${path}`, zh: `读取 ${path}` });
  let batch: string[] = [];
  let pending = 0;
  const flush = () => {
    for (const [i, { tokenizer, counter }] of subjects.entries()) {
      counter.count(tokenizer.encodeBatch(batch).ids, sums[i]!);
    }
    batch = [];
    pending = 0;
    progress.update({ done: size.lines, total: 0 });
    throwIfAborted(context.signal, "Counting");
  };
  try {
    const reader = await readRows(path, { text: true });
    for await (const row of reader.rows) {
      if (row.kind === "bad" || typeof row.value !== "string") continue;
      size.lines++;
      for (const _ of row.value) size.characters++;
      size.bytes += Buffer.byteLength(row.value);
      batch.push(row.value);
      pending += row.value.length;
      if (pending > batchSize) flush();
    }
    flush();
  } finally {
    progress.finish();
  }
  if (size.characters === 0) {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${path} holds no text to measure; give a file with lines of text.`);
  }
  for (const [i, { counter }] of subjects.entries()) counter.finish(path, size, sums[i]!);
}

function statsOf({ path, tokenizer, pieces, counter }: Subject): TokenizerStats {
  const { info, bosId, eosId, padId, unkId, vocabSize, fingerprint } = tokenizer;
  const { texts } = counter;
  const stats = {
    path,
    vocabSize,
    fingerprint,
    // A tokenizer.json says what it does to text in steps, not in sentencepiece's words.
    ...(info ?? {
      ...{ modelType: "bpe", normalizer: tokenizer.fileName },
      ...{ addDummyPrefix: false, removeExtraWhitespaces: false, byteFallback: pieces.some(({ type }) => type === 6) },
    }),
    bosId,
    eosId,
    padId,
    unkId,
    ...vocabularyStats(pieces),
    texts,
  };
  return texts.length === 0 ? stats : { ...stats, usage: counter.usage() };
}

export const command = defineCommand({
  positionals: {
    tokenizer: {
      type: "string",
      required: true,
      text: {
        en: "tokenizer.model, tokenizer.json, a tiktoken file, or a folder",
        zh: "tokenizer.model、tokenizer.json、tiktoken 文件或其文件夹",
      },
    },
    files: {
      type: "strings",
      text: { en: "Plain text files to measure compression on", zh: "用于测量压缩率的纯文本文件" },
    },
  },
  options: {
    compare: {
      type: "strings",
      text: { en: "Another tokenizer to put beside it (repeatable)", zh: "与之并列比较的另一个分词器（可重复）" },
    },
    html: {
      type: "string",
      text: { en: "Write a page with charts and tables to this file", zh: "把含图表的页面写入该文件" },
    },
  },
  examples: [
    [
      "belle-train tokenizer stats llama/ held_out.txt --compare merged/ --html stats.html",
      { en: "two vocabularies on the same text", zh: "在同一文本上比较两个词表" },
    ],
  ],
  async run(args, context) {
    const subjects: Subject[] = [];
    for (const path of [args.tokenizer, ...(args.compare ?? [])]) subjects.push(await loadSubject(path));
    for (const path of args.files ?? []) await countText(path, subjects, context);
    const stats = subjects.map(statsOf);
    const { html } = args;
    if (html !== undefined) await commitText(html, renderHtml(tokenizerReport(stats, context.language)));
    const [first, ...compared] = stats;
    context.result({ ...first!, compared }, () => statsView(stats, context.language));
    if (html !== undefined) context.note({ en: `Wrote ${html}`, zh: `写出 ${html}` });
  },
});
