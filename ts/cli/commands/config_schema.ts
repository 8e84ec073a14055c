// belle-train config schema
import type { DocumentName } from "../../config/reference.ts";
import { configJsonSchema, configMarkdown, documents } from "../../config/reference.ts";
import { defineCommand } from "../command.ts";

const names = [
  "run",
  "tokenizer-train",
  "tokenizer-merge",
  "generate",
  "judge",
] as const satisfies readonly DocumentName[];

export const command = defineCommand({
  options: {
    document: {
      type: "string",
      choices: names,
      default: "run",
      text: { en: "Which file to describe", zh: "要描述的文件" },
    },
    markdown: {
      type: "boolean",
      default: false,
      text: { en: "Print the reference of every document as Markdown", zh: "以 Markdown 输出全部文件的参考" },
    },
  },
  examples: [
    [
      "belle-train config schema > belle.schema.json",
      {
        en: "for editors: # yaml-language-server: $schema=belle.schema.json",
        zh: "供编辑器使用：# yaml-language-server: $schema=belle.schema.json",
      },
    ],
  ],
  async run(args, context) {
    if (args.markdown) {
      const markdown = configMarkdown(documents, context.language);
      context.result({ markdown }, () => markdown);
      return;
    }
    const schema = configJsonSchema(documents[args.document], context.language);
    context.result(schema, () => JSON.stringify(schema, null, 2));
  },
});
