// Data files that cannot be used, and places that cannot be written.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { conversations, writeFiles } from "../support.ts";
import type { BadInput, Place } from "./case.ts";

const prepare = ({ dir, model, output }: Place, file: string) => [
  "data",
  "prepare",
  join(dir, file),
  "--tokenizer",
  model,
  "--output",
  output,
];

function data(name: string, file: string, content: string | Buffer | undefined, says: BadInput["says"]): BadInput {
  return {
    name: `data ${name}`,
    make(place) {
      if (content !== undefined) writeFiles(place.dir, { [file]: content });
      return prepare(place, file);
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: [file, ...says],
  };
}

/** A `train` configuration over the case's model and two conversations. */
function trainConfig({ dir, model, output }: Place, train = "", extra = ""): string[] {
  writeFiles(dir, {
    "sft.jsonl": conversations(4),
    "run.yaml": `model: { path: ${model} }\ndata: { sources: [${join(dir, "sft.jsonl")}] }\n${extra}train: { output_dir: ${output}, max_length: 64, max_steps: 1${train} }\n`,
  });
  return ["train", join(dir, "run.yaml")];
}

const good = conversations(2);

export const dataFileCases: BadInput[] = [
  data("has a broken line", "sft.jsonl", `${good}\n{"instruction": "断\n${good}\n`, [
    "sft.jsonl:3",
    "on_bad_line: skip",
  ]),
  data("has lines of another shape", "sft.jsonl", '{"frage": "?"}\n', ["sft.jsonl:1", "instruction"]),
  data("has a number for a line", "sft.jsonl", `${good}\n17\n`, ["sft.jsonl:3"]),
  data("is empty", "sft.jsonl", "", ["sft.jsonl"]),
  data("is blank lines", "sft.jsonl", "\n\n\n", ["sft.jsonl"]),
  data("is binary", "sft.jsonl", Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 193) & 255)), ["sft.jsonl:1"]),
  data("is text with bytes that are not UTF-8", "corpus.txt", Buffer.from([0xe4, 0xbd, 0xa0, 0x0a, 0xff, 0xfe, 0x0a]), [
    "corpus.txt",
  ]),
  data("is a JSON array that ends early", "sft.json", `[${good.split("\n").join(",")},`, ["sft.json"]),
  data("nests 100000 deep", "sft.json", `[${'{"a":'.repeat(100_000)}`, ["sft.json"]),
  { ...data("does not exist", "none.jsonl", undefined, []), error: "ERR_BELLE_NOT_FOUND" },
  {
    name: "the output folder holds something else",
    make(place) {
      writeFiles(place.dir, { "sft.jsonl": good });
      writeFiles(place.output, { "thesis.txt": "years of work" });
      return prepare(place, "sft.jsonl");
    },
    code: 2,
    error: "ERR_BELLE_INVALID_ARGUMENT",
    says: ["output", "choose another output folder"],
  },
  {
    name: "the output folder is a file",
    make(place) {
      writeFiles(place.dir, { "sft.jsonl": good });
      writeFileSync(place.output, "a file");
      return prepare(place, "sft.jsonl");
    },
    code: 2,
    error: "ERR_BELLE_INVALID_ARGUMENT",
    says: ["output", "choose another output folder"],
  },
  {
    name: "the output folder cannot be made",
    make(place) {
      writeFiles(place.dir, { "sft.jsonl": good });
      return prepare({ ...place, output: "/dev/null/belle/shards" }, "sft.jsonl");
    },
    code: 1,
    error: "ERR_BELLE_IO",
    says: ["/dev/null/belle", "check the output folder"],
  },
  {
    name: "train.output_dir cannot be made",
    make: (place) => trainConfig({ ...place, output: "/dev/null/belle/run" }),
    code: 1,
    error: "ERR_BELLE_IO",
    says: ["/dev/null/belle/run", "output_dir"],
  },
  {
    name: "train.output_dir is a file",
    make(place) {
      const path = join(place.dir, "taken");
      writeFileSync(path, "a file");
      return trainConfig({ ...place, output: path });
    },
    code: 1,
    error: "ERR_BELLE_IO",
    says: ["taken", "output_dir"],
  },
  {
    name: "recipe output_dir cannot be made",
    make({ dir, model }) {
      const phase = `{ data: { sources: [${join(dir, "sft.jsonl")}] }, train: { max_steps: 1 } }`;
      writeFiles(dir, {
        "sft.jsonl": good,
        "corpus.txt": "今天天气很好\n".repeat(30),
        "questions.jsonl":
          '{"question":"好？","class":"open qa","std_answer":"好","check":{"kind":"contains","value":"好"}}\n',
        "run.yaml": `recipe: extend-and-tune
output_dir: /dev/null/belle/run
tokenizer: { base: ${model}, train: { input: [${join(dir, "corpus.txt")}], vocab_size: 20 } }
model: { path: ${model} }
pretrain: ${phase}
finetune: ${phase}
answers: { questions: ${join(dir, "questions.jsonl")} }
evaluation: { by: rules }
`,
      });
      return ["recipe", "run", join(dir, "run.yaml")];
    },
    code: 1,
    error: "ERR_BELLE_IO",
    says: ["/dev/null/belle/run", "output_dir"],
  },
  {
    name: "a question file of the recipe does not exist",
    make({ dir, model, output }) {
      const phase = `{ data: { sources: [${join(dir, "sft.jsonl")}] }, train: { max_steps: 1 } }`;
      writeFiles(dir, {
        "sft.jsonl": good,
        "corpus.txt": "今天天气很好\n".repeat(30),
        "run.yaml": `recipe: extend-and-tune
output_dir: ${output}
tokenizer: { base: ${model}, train: { input: [${join(dir, "corpus.txt")}], vocab_size: 20 } }
model: { path: ${model} }
pretrain: ${phase}
finetune: ${phase}
answers: { questions: ${join(dir, "questions.jsonl")} }
evaluation: { by: rules }
`,
      });
      return ["recipe", "run", join(dir, "run.yaml")];
    },
    code: 1,
    error: "ERR_BELLE_NOT_FOUND",
    says: ["questions.jsonl"],
  },
];
