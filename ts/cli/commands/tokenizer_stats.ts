// belle-train tokenizer stats
import { tokenizerStats } from "../../eval/tokenizer_stats.ts";
import { commitText } from "../../native/commit_text.ts";
import { renderHtml } from "../../report/html.ts";
import { tokenizerReport } from "../../report/tokenizer_report.ts";
import { defineCommand } from "../command.ts";
import type { Progress } from "../ui/progress.ts";
import { statsView } from "../views/stats_view.ts";

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
    let current: { file: string; progress: Progress } | undefined;
    const stats = await tokenizerStats([args.tokenizer, ...(args.compare ?? [])], {
      ...(args.files?.length ? { files: args.files } : {}),
      signal: context.signal,
      onProgress({ file, lines }) {
        if (current?.file !== file) {
          current?.progress.finish();
          current = { file, progress: context.progress({ en: `reading ${file}`, zh: `读取 ${file}` }) };
        }
        current.progress.update({ done: lines, total: 0 });
      },
    }).finally(() => current?.progress.finish());
    const { html } = args;
    if (html !== undefined) await commitText(html, renderHtml(tokenizerReport(stats, context.language)));
    const [first, ...compared] = stats;
    context.result({ ...first!, compared }, () => statsView(stats, context.language));
    if (html !== undefined) context.note({ en: `Wrote ${html}`, zh: `写出 ${html}` });
  },
});
