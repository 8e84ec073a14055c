// Model folders that lie: safetensors, their index, config.json, the manifest.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packSafetensors, quickstartBase, type SafetensorsEntry, unpackSafetensors } from "../support.ts";
import type { BadInput, Place } from "./case.ts";

const generate = ({ model }: Place) => ["generate", model, "你好", "--set", "max_new_tokens=2"];

function weights(name: string, damage: (bytes: Buffer) => Buffer, says: BadInput["says"]): BadInput {
  return {
    name: `model.safetensors ${name}`,
    make(place) {
      const path = join(place.model, "model.safetensors");
      writeFileSync(path, damage(readFileSync(path)));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: ["model.safetensors", ...says],
  };
}

function header(
  name: string,
  damage: (header: Record<string, SafetensorsEntry>, data: Buffer) => void,
  says: BadInput["says"],
) {
  const change = (bytes: Buffer) => {
    const file = unpackSafetensors(bytes);
    damage(file.header, file.data);
    return packSafetensors(file.header, file.data);
  };
  return weights(name, change, says);
}

const norm = "model.norm.weight";
const embedding = "model.embed_tokens.weight";

function config(name: string, damage: (value: Record<string, unknown>) => unknown, says: BadInput["says"]): BadInput {
  return {
    name: `config.json ${name}`,
    make(place) {
      const path = join(place.model, "config.json");
      const made = damage(JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>);
      writeFileSync(path, typeof made === "string" ? made : JSON.stringify(made));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: ["config.json", ...says],
  };
}

function index(name: string, text: (map: Record<string, string>) => string, says: BadInput["says"]): BadInput {
  return {
    name: `index ${name}`,
    make(place) {
      const path = join(place.model, "model.safetensors");
      const { header: entries } = unpackSafetensors(readFileSync(path));
      renameSync(path, join(place.model, "model-00001-of-00001.safetensors"));
      const names = Object.keys(entries).filter((tensor) => tensor !== "__metadata__");
      const map = Object.fromEntries(names.map((tensor) => [tensor, "model-00001-of-00001.safetensors"]));
      writeFileSync(join(place.model, "model.safetensors.index.json"), text(map));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says,
  };
}

const weightMap = (map: Record<string, string>) => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });

export const modelFolderCases: BadInput[] = [
  weights("is empty", () => Buffer.alloc(0), []),
  weights("ends in its first 8 bytes", (bytes) => bytes.subarray(0, 5), []),
  weights("ends in its header", (bytes) => bytes.subarray(0, 100), []),
  weights("ends after its header", (bytes) => packSafetensors(unpackSafetensors(bytes).header, Buffer.alloc(0)), []),
  weights("lacks its last byte", (bytes) => bytes.subarray(0, bytes.length - 1), []),
  weights("has a byte too many", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), []),
  weights("claims a header beyond the file", (bytes) => packSafetensors("{}", bytes, 1n << 20n), []),
  weights("claims a header of 2^63 bytes", (bytes) => packSafetensors("{}", bytes, 1n << 63n), []),
  weights("has a header that is not JSON", (bytes) => packSafetensors('{"a": nope}', bytes), []),
  weights("nests its header 100000 deep", (bytes) => packSafetensors("[".repeat(100_000), bytes), []),
  header(
    "has overlapping tensors",
    (entries) => {
      const { data_offsets: at } = entries[norm]!;
      entries[norm]!.data_offsets = [at[0] - 2, at[1] - 2];
    },
    [],
  ),
  header(
    "has a tensor beyond its end",
    (entries, data) => {
      entries[norm]!.data_offsets = [data.length, data.length + 32];
    },
    [norm],
  ),
  header("has a tensor that ends before it begins", (entries) => entries[norm]!.data_offsets.reverse(), [norm]),
  {
    ...header(
      "has a dtype nobody knows",
      (entries) => {
        entries[norm]!.dtype = "Q4_K";
      },
      [norm, "Q4_K", "convert the file"],
    ),
    error: "ERR_BELLE_UNSUPPORTED",
  },
  header(
    "has a negative dimension",
    (entries) => {
      entries[norm]!.shape = [-16];
    },
    [norm],
  ),
  header(
    "has dimensions whose product overflows",
    (entries) => {
      entries[norm]!.shape = [2 ** 40, 2 ** 40];
    },
    [norm],
  ),
  {
    ...header(
      "lacks a tensor",
      (entries) => {
        entries.renamed = entries[norm]!;
        delete entries[norm];
      },
      [],
    ),
    says: [norm, "is missing", "config.json"],
  },
  {
    name: "model.safetensors is missing",
    make(place) {
      rmSync(join(place.model, "model.safetensors"));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_NOT_FOUND",
    says: ["model.safetensors", "give a Hugging Face model folder"],
  },
  {
    name: "model.safetensors is a folder",
    make(place) {
      rmSync(join(place.model, "model.safetensors"));
      mkdirSync(join(place.model, "model.safetensors"));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_IO",
    says: ["model.safetensors"],
  },
  {
    name: "a flipped bit that the manifest knows",
    make(place) {
      for (const file of ["MANIFEST.json", "config.json", "model.safetensors"])
        copyFileSync(join(quickstartBase, file), join(place.model, file));
      const path = join(place.model, "model.safetensors");
      const bytes = readFileSync(path);
      bytes[bytes.length - 1000]! ^= 4;
      writeFileSync(path, bytes);
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: ["model.safetensors", "sha256"],
  },
  {
    ...index("names a shard that is missing", (map) => weightMap({ ...map, [norm]: "model-00002.safetensors" }), [
      "model-00002.safetensors",
      "check the path",
    ]),
    error: "ERR_BELLE_NOT_FOUND",
  },
  index("names a shard outside the folder", (map) => weightMap({ ...map, [norm]: "../../etc/passwd" }), [
    "model.safetensors.index.json",
    "../../etc/passwd",
  ]),
  index(
    "names a tensor its shard lacks",
    (map) => weightMap({ ...map, [embedding]: map[norm]!, nothing: map[norm]! }),
    ["nothing"],
  ),
  index("is not JSON", () => "weight_map: {}", ["model.safetensors.index.json"]),
  config("is not JSON", () => "hidden_size: 16\n", []),
  config("is an array", () => "[]", []),
  config("lacks hidden_size", ({ hidden_size: _, ...rest }) => rest, ["hidden_size"]),
  config("lacks model_type", ({ model_type: _, ...rest }) => rest, ["model_type"]),
  {
    ...config("has unknown rope scaling", (value) => ({ ...value, rope_scaling: { rope_type: "spiral", factor: 2 } }), [
      "rope_scaling",
      "spiral",
    ]),
    error: "ERR_BELLE_UNSUPPORTED",
  },
  {
    ...config("is of another architecture", (value) => ({ ...value, model_type: "mamba" }), ["mamba", "llama"]),
    error: "ERR_BELLE_UNSUPPORTED",
  },
  config("has heads that do not divide", (value) => ({ ...value, num_attention_heads: 3, head_dim: undefined }), [
    "attention heads",
  ]),
  config("has a text for a number", (value) => ({ ...value, num_hidden_layers: "many" }), ["num_hidden_layers"]),
  config("has 2^53 layers", (value) => ({ ...value, num_hidden_layers: 2 ** 53 }), ["num_hidden_layers"]),
  {
    ...config("says other rows than the weights have", (value) => ({ ...value, vocab_size: 999 }), []),
    says: [embedding, "999", "1000"],
  },
  {
    ...config("says another width than the weights have", (value) => ({ ...value, hidden_size: 32, head_dim: 16 }), []),
    says: [/model\.\S+weight/, "32", "16"],
  },
  {
    name: "config.json is missing",
    make(place) {
      rmSync(join(place.model, "config.json"));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_NOT_FOUND",
    says: ["config.json", "check the path"],
  },
  {
    name: "the model folder does not exist",
    make: ({ dir }) => ["generate", join(dir, "nowhere"), "你好"],
    code: 1,
    error: "ERR_BELLE_NOT_FOUND",
    says: ["nowhere", "check the path"],
  },
  {
    name: "the model folder has no tokenizer",
    make(place) {
      rmSync(join(place.model, "tokenizer.model"));
      return generate(place);
    },
    code: 1,
    error: "ERR_BELLE_NOT_FOUND",
    says: ["tokenizer.model"],
  },
  ...["bad varint", "truncated in a piece", "truncated near its end", "empty", "text", "no pieces", "binary"].map(
    (name): BadInput => ({
      name: `tokenizer.model ${name}`,
      make(place) {
        const path = join(place.model, "tokenizer.model");
        const whole = readFileSync(path);
        if (name === "bad varint") writeFileSync(path, Buffer.concat([Buffer.from([0x0a]), Buffer.alloc(11, 0xff)]));
        if (name === "truncated in a piece") truncateSync(path, 7000);
        if (name === "truncated near its end") truncateSync(path, whole.length - 3);
        if (name === "empty") truncateSync(path, 0);
        if (name === "text") writeFileSync(path, "这不是模型文件\n".repeat(20));
        if (name === "no pieces") writeFileSync(path, Buffer.from([0x12, 0x02, 0x18, 0x02]));
        if (name === "binary")
          writeFileSync(path, Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167) & 255)));
        return ["tokenizer", "encode", place.model, "你好"];
      },
      code: 1,
      error: "ERR_BELLE_INVALID_DATA",
      says: ["tokenizer.model"],
    }),
  ),
];
