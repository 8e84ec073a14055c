// Writes the pages of docs/ that are made from the program itself, in both languages:
//   docs/config.md, docs/config.zh-CN.md   every key of every YAML file, from the schemas
//   docs/cli.md, docs/cli.zh-CN.md         --help of every command
// Run: node --import tsx scripts/generate-docs.ts      (test/unit/docs.test.ts compares)
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { commands, groups } from "../ts/cli/commands.ts";
import { userDocuments } from "../ts/cli/documents.ts";
import { helpText } from "../ts/cli/program.ts";
import type { Language } from "../ts/config/language.ts";
import { configMarkdown } from "../ts/config/reference.ts";

const root = resolve(import.meta.dirname, "..");

async function help(words: string[], language: Language): Promise<string> {
  const text = await helpText(words, language);
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

async function cliPage(language: Language): Promise<string> {
  const zh = language === "zh";
  const parts = [
    zh ? "# 命令行参考" : "# Command line reference",
    zh
      ? "由 `scripts/generate-docs.ts` 从各命令的 `--help --lang zh` 生成。"
      : "Made from the `--help` of every command by `scripts/generate-docs.ts`.",
    await help([], language),
  ];
  const grouped = commands.filter(({ name }) => name.includes(" "));
  for (const { name } of commands.filter(({ name }) => !name.includes(" "))) {
    parts.push(`## ${name}`, await help([name], language));
  }
  for (const [group, text] of Object.entries(groups)) {
    parts.push(`## ${group}`, `${text[language]}${zh ? "。" : "."}`);
    for (const { name } of grouped.filter(({ name }) => name.startsWith(`${group} `))) {
      parts.push(`### ${name}`, await help(name.split(" "), language));
    }
  }
  return `${parts.join("\n\n")}\n`;
}

/** Path from the repository's root -> what the page must hold. */
export async function generatedPages(): Promise<Record<string, string>> {
  return {
    "docs/config.md": configMarkdown(userDocuments, "en"),
    "docs/config.zh-CN.md": configMarkdown(userDocuments, "zh"),
    "docs/cli.md": await cliPage("en"),
    "docs/cli.zh-CN.md": await cliPage("zh"),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(await generatedPages())) writeFileSync(resolve(root, path), text);
}
