// Tokenizer sections: the one a run uses, BPE training options by sentencepiece's own names and defaults, and merging.
import { z } from "zod";
import { field, refusal } from "./field.ts";

export const tokenizerSchema = z.strictObject({
  path: field(
    z.string().min(1),
    "tokenizer.model or tokenizer.json, or a folder that holds one.",
    "tokenizer.model 或 tokenizer.json，或包含它们的文件夹。",
  ),
});

/** Defaults are sentencepiece's, but for model_type: always bpe. */
export const tokenizerTrainSchema = z
  .strictObject({
    input: field(
      z.array(z.string().min(1)).min(1),
      "Text files, one sentence a line; .tsv: text TAB frequency; .gz and .zst are unpacked, - is standard input (not in a recipe).",
      "文本文件，每行一句；.tsv 为“文本 TAB 频次”；.gz 与 .zst 会自动解压，- 表示标准输入（配方中不可用）。",
    ),
    vocab_size: field(z.int().min(1).max(1_000_000).default(8000), "Rows of the vocabulary.", "词表大小。"),
    character_coverage: field(
      z.number().gt(0).max(1).default(0.9995),
      "Share of the characters of the text that get a piece of their own.",
      "拥有独立词元的字符占全文字符的比例。",
    ),
    input_sentence_size: field(
      z.int().min(0).default(0),
      "Train on this many sentences, sampled; 0: all.",
      "采样训练的句子数；0 表示全部。",
    ),
    shuffle_input_sentence: field(
      z.boolean().default(true),
      "Sample sentences at random instead of taking the first ones.",
      "随机采样句子，而不是取前若干句。",
    ),
    max_sentence_length: field(
      z.int().min(1).default(4192),
      "Longer lines, in bytes, are left out.",
      "超过该字节数的行被跳过。",
    ),
    max_sentencepiece_length: field(
      z.int().min(1).max(512).default(16),
      "Longest piece, in characters.",
      "词元的最大字符数。",
    ),
    split_by_unicode_script: field(
      z.boolean().default(true),
      "No piece crosses from one script to another.",
      "词元不跨越不同文字。",
    ),
    split_by_number: field(z.boolean().default(true), "No piece joins digits and letters.", "词元不混合数字与字母。"),
    split_by_whitespace: field(z.boolean().default(true), "No piece crosses a space.", "词元不跨越空格。"),
    split_digits: field(z.boolean().default(false), "Every digit is a piece of its own.", "每个数字单独成为词元。"),
    treat_whitespace_as_suffix: field(
      z.boolean().default(false),
      "Spaces end pieces instead of starting them.",
      "空格作为词元的后缀而非前缀。",
    ),
    allow_whitespace_only_pieces: field(
      z.boolean().default(false),
      "Allow pieces of several spaces.",
      "允许由多个空格组成的词元。",
    ),
    byte_fallback: field(
      z.boolean().default(false),
      "Unknown characters become their UTF-8 bytes.",
      "未知字符拆成 UTF-8 字节。",
    ),
    hard_vocab_limit: field(
      z.boolean().default(true),
      "Fail when the text does not yield vocab_size pieces.",
      "文本不足以得到 vocab_size 个词元时报错。",
    ),
    control_symbols: field(z.array(z.string().min(1)).default([]), "Control pieces.", "控制符号。"),
    user_defined_symbols: field(
      z.array(z.string().min(1)).default([]),
      "Pieces that are always kept whole.",
      "始终保持完整的自定义符号。",
    ),
    required_chars: field(
      z.string().default(""),
      "Characters that get a piece whatever the coverage.",
      "无论覆盖率如何都保留的字符。",
    ),
    unk_id: field(z.int().min(0).default(0), "Id of the unknown piece.", "未知词元的 id。"),
    bos_id: field(z.int().min(-1).default(1), "Id of begin-of-sequence; −1: none.", "序列开始词元的 id；−1 表示没有。"),
    eos_id: field(z.int().min(-1).default(2), "Id of end-of-sequence; −1: none.", "序列结束词元的 id；−1 表示没有。"),
    pad_id: field(z.int().min(-1).default(-1), "Id of padding; −1: none.", "填充词元的 id；−1 表示没有。"),
    unk_piece: field(z.string().min(1).default("<unk>"), "Text of the unknown piece.", "未知词元的文本。"),
    bos_piece: field(z.string().min(1).default("<s>"), "Text of begin-of-sequence.", "序列开始词元的文本。"),
    eos_piece: field(z.string().min(1).default("</s>"), "Text of end-of-sequence.", "序列结束词元的文本。"),
    pad_piece: field(z.string().min(1).default("<pad>"), "Text of padding.", "填充词元的文本。"),
    unk_surface: field(z.string().default(" \u2047 "), "What an unknown piece decodes to.", "未知词元解码得到的文本。"),
    normalization_rule_name: field(
      z.enum(["identity", "nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"]).default("nmt_nfkc"),
      "Unicode normalisation.",
      "Unicode 规范化方式。",
    ),
    add_dummy_prefix: field(z.boolean().default(true), "Put a space before every text.", "在每段文本前加一个空格。"),
    remove_extra_whitespaces: field(
      z.boolean().default(true),
      "Collapse runs of spaces and trim.",
      "合并连续空格并去除首尾空格。",
    ),
    escape_whitespaces: field(
      z.boolean().default(true),
      "Write spaces as U+2581 in pieces.",
      "词元中的空格写作 U+2581。",
    ),
    memory_limit_gb: field(
      z.number().gt(0).optional(),
      "Memory training may use, in units of 10^9 bytes; counts that outgrow it are kept on disk. Left out: no limit.",
      "训练可使用的内存，单位为 10^9 字节；超出部分的计数保存在磁盘上。不设置则不限制。",
    ),
    threads: field(
      z.int().min(0).max(4096).default(0),
      "CPU threads; 0: all cores.",
      "CPU 线程数；0 表示使用全部核心。",
    ),
  })
  .superRefine((value, context) => {
    const used = new Map<number, string>();
    for (const key of ["unk_id", "bos_id", "eos_id", "pad_id"] as const) {
      const id = value[key];
      const other = used.get(id);
      if (id >= 0 && other !== undefined) {
        context.addIssue(
          refusal(
            {
              en: `is ${id}, as ${other} is; every special piece needs an id of its own`,
              zh: `为 ${id}，与 ${other} 相同；每个特殊词元需要各自的 id`,
            },
            [key],
          ),
        );
      }
      used.set(id, key);
    }
  });

export const mergeSchema = z.strictObject({
  base: field(z.string().min(1), "Tokenizer whose ids stay as they are.", "作为基础、id 保持不变的分词器。"),
  addition: field(z.string().min(1), "Tokenizer whose pieces are appended.", "其词元被追加到基础词表之后的分词器。"),
  mode: field(
    z.enum(["safe", "belle", "chinese-llama"]).default("safe"),
    "safe: only pieces with a Han character, scored below every old one, so other text encodes exactly as before; belle: all normal pieces with the scores they were trained with; chinese-llama: the same with score 0.",
    "safe：只追加含汉字的词元，且分数低于所有旧词元，其他文本编码不变；belle：追加全部普通词元并保留其训练分数；chinese-llama：同上但分数为 0。",
  ),
  output: field(z.string().min(1), "Folder of the merged tokenizer.", "合并后分词器的输出文件夹。"),
});
