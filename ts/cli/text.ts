// Sentences of the frame itself. A command's own sentences live in its file.
import type { Text } from "../config/language.ts";

export const frameText = {
  usage: { en: "belle-train <command> [options]", zh: "belle-train <命令> [选项]" },
  json: { en: "Print results as JSON on stdout", zh: "以 JSON 形式把结果写到标准输出" },
  quiet: { en: "Print no notes and no progress", zh: "不输出提示和进度" },
  lang: { en: "Language of help and messages", zh: "帮助和消息的语言" },
  help: { en: "Show help", zh: "显示帮助" },
  version: { en: "Show the version", zh: "显示版本" },
  options: { en: "Options:", zh: "选项：" },
  common: { en: "Common options:", zh: "通用选项：" },
  epilogue: {
    en: "Exit codes: 0 done, 1 failure, 2 wrong usage or configuration, 3 unfit environment, 75 stopped and resumable, 130 interrupted.",
    zh: "退出码：0 完成，1 失败，2 用法或配置错误，3 环境不满足，75 已停止可继续，130 被中断。",
  },
  demand: { en: "Name a command.", zh: "请给出命令。" },
  seeHelp: { en: "See: belle-train {command}--help", zh: "请参阅：belle-train {command}--help" },
  completion: { en: "Print a shell completion script", zh: "输出 shell 补全脚本" },
  stopping: {
    en: "Stopping after the work in hand; press again to quit at once.",
    zh: "正在完成手头工作后停止；再按一次立即退出。",
  },
  leaving: { en: "Quitting without finishing.", zh: "未完成即退出。" },
  interrupted: { en: "Interrupted.", zh: "已中断。" },
  resumable: {
    en: "Stopped. Run the same command again to continue where it stopped.",
    zh: "已停止。再次运行同一命令即可继续。",
  },
  bug: {
    en: "This is a bug in belle-train. Please report it with the lines above.",
    zh: "这是 belle-train 的缺陷，请附上以上内容报告。",
  },
} satisfies Record<string, Text>;
