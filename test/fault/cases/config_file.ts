// YAML with mistakes: every one is told with its line and column.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeFiles } from "../support.ts";
import type { BadInput } from "./case.ts";

function yaml(name: string, text: string, says: BadInput["says"], sub: string[] = ["train"]): BadInput {
  return {
    name: `yaml ${name}`,
    make({ dir, model, output }) {
      writeFiles(dir, { "run.yaml": text.replaceAll("MODEL", model).replaceAll("OUTPUT", output) });
      return [...sub, join(dir, "run.yaml")];
    },
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["run.yaml", ...says],
  };
}

const data = "model: { path: MODEL }\ndata: { sources: [a.jsonl] }\n";

export const configFileCases: BadInput[] = [
  yaml("has a key with a typo", `${data}train:\n  output_dir: OUTPUT\n  lerning_rate: 1\n`, [
    "run.yaml:5:3",
    "did you mean learning_rate?",
  ]),
  yaml("has a value of a wrong type", `${data}train:\n  output_dir: OUTPUT\n  max_steps: many\n`, [
    "run.yaml:5:",
    "train.max_steps",
    "number",
  ]),
  yaml("has a value out of range", `${data}train: { output_dir: OUTPUT, learning_rate: -1 }\n`, [
    "run.yaml:3:",
    "train.learning_rate",
  ]),
  yaml("has bad indentation", `${data}train:\n  output_dir: OUTPUT\n max_steps: 3\n`, [/run\.yaml:5:\d+/]),
  yaml("has a tab", `${data}train:\n\toutput_dir: OUTPUT\n`, [/run\.yaml:4:\d+/]),
  yaml("has a key twice", `${data}train: { output_dir: OUTPUT }\ntrain: {}\n`, [/run\.yaml:4:\d+/]),
  yaml("lacks a section", "model: { path: MODEL }\n", ["data"]),
  yaml("is empty", "", ["run.yaml"]),
  yaml("is a list", "- model\n", [/run\.yaml:1:\d+/]),
  yaml(
    "is a bomb of aliases",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
      .split("")
      .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]\n`)
      .join("")}`,
    ["run.yaml"],
  ),
  yaml("names no recipe", `${data}train: { output_dir: OUTPUT }\n`, ["recipe", "extend-and-tune"], ["recipe", "run"]),
  yaml("names a recipe nobody knows", "recipe: extend-and-tun\n", ["recipe", "extend-and-tune"], ["recipe", "run"]),
  yaml(
    "of a recipe has a typo",
    "recipe: extend-and-tune\noutput_dirr: OUTPUT\n",
    ["run.yaml:2:1", "did you mean output_dir?"],
    ["recipe", "run"],
  ),
  {
    name: "yaml does not exist",
    make: ({ dir }) => ["train", join(dir, "run.yaml")],
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["run.yaml"],
  },
  {
    name: "yaml is a folder",
    make({ dir }) {
      mkdirSync(join(dir, "run.yaml"));
      return ["train", join(dir, "run.yaml")];
    },
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["run.yaml"],
  },
  {
    name: "yaml is not UTF-8",
    make({ dir }) {
      writeFiles(dir, { "run.yaml": Buffer.from([0xff, 0xfe, 0x6d, 0, 0x80, 0x81]) });
      return ["train", join(dir, "run.yaml")];
    },
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["run.yaml"],
  },
];
