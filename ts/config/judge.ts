// The `judge` section: an OpenAI-compatible chat service that scores answers.
import { z } from "zod";
import { field } from "./field.ts";

export const judgeSchema = z.strictObject({
  base_url: field(
    z.url({ protocol: /^https?$/ }).default("https://api.openai.com/v1"),
    "Address of an OpenAI-compatible service, up to and with /v1.",
    "OpenAI 兼容服务的地址，写到 /v1 为止。",
  ),
  model: field(z.string().min(1), "Name of the judging model.", "评审模型的名称。"),
  api_key_env: field(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .default("OPENAI_API_KEY"),
    "Name of the environment variable that holds the key; the key itself never goes into a file.",
    "保存密钥的环境变量名；密钥本身不写入任何文件。",
    {
      en: "must be the name of an environment variable (letters, digits, _), not the key itself",
      zh: "必须是环境变量的名称（字母、数字、_），不是密钥本身",
    },
  ),
  temperature: field(z.number().min(0).max(2).default(0), "Sampling temperature of the judge.", "评审模型的采样温度。"),
  max_tokens: field(z.int().min(1).default(1024), "Longest verdict, in tokens.", "评语的最大 token 数。"),
  repeats: field(
    z.int().min(1).max(100).default(1),
    "Times each answer is judged; scores are averaged.",
    "每个回答评审的次数，取平均分。",
  ),
  concurrency: field(z.int().min(1).max(256).default(4), "Requests under way at once.", "并发请求数。"),
  timeout_seconds: field(
    z.number().positive().max(3600).default(120),
    "Longest wait for one answer.",
    "等待单次响应的最长秒数。",
  ),
  max_wait_seconds: field(
    z.number().positive().max(86_400).default(600),
    "Longest pause a Retry-After header may ask for.",
    "Retry-After 允许的最长等待秒数。",
  ),
  prompts: field(
    z.enum(["2304.07854", "2303.14742"]).default("2304.07854"),
    "Which of BELLE's two published sets of judge prompts.",
    "使用 BELLE 发表的哪一套评审提示词。",
  ),
  gold: field(
    z.enum(["paper", "when_available"]).default("paper"),
    "Show the reference answer to the judge for the categories of the paper, or whenever there is one.",
    "参考答案的使用：按论文的类别给出，或凡有参考答案就给出。",
  ),
});

export type JudgeSection = z.output<typeof judgeSchema>;
