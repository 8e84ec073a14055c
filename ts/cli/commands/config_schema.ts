// belle-train config schema
import { configJsonSchema, configMarkdown } from "../../config/reference.ts";
import { defineCommand } from "../command.ts";
import { userDocuments } from "../documents.ts";

export const command = defineCommand({
  options: {
    document: {
      type: "string",
      choices: Object.keys(userDocuments),
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
      const markdown = configMarkdown(userDocuments, context.language);
      context.result({ markdown }, () => markdown);
      return;
    }
    const schema = configJsonSchema(userDocuments[args.document], context.language);
    context.result(schema, () => JSON.stringify(schema, null, 2));
  },
});
