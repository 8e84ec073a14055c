// belle-train config print
import { stringify } from "yaml";
import { fingerprint } from "../../config/fingerprint.ts";
import { loadConfig } from "../../config/load.ts";
import { defineCommand } from "../command.ts";
import { userDocuments } from "../documents.ts";

export const command = defineCommand({
  positionals: { config: { type: "string", required: true, text: { en: "YAML file", zh: "YAML 文件" } } },
  options: {
    document: {
      type: "string",
      choices: Object.keys(userDocuments),
      default: "run",
      text: { en: "What kind of file it is", zh: "文件的种类" },
    },
    set: {
      type: "strings",
      text: {
        en: "Override a value: train.learning_rate=1e-5 (repeatable)",
        zh: "覆盖某个值：train.learning_rate=1e-5（可重复）",
      },
    },
  },
  async run(args, context) {
    const value = await loadConfig(args.config, userDocuments[args.document]!, {
      set: args.set,
      language: context.language,
    });
    context.result(
      { config: value, fingerprint: fingerprint(value) },
      () => `${stringify(value)}# sha256 ${fingerprint(value)}`,
    );
  },
});
