// A row of any supported format -> one sample: a conversation or a text. A row that is none is dropped with a reason.
import type { AlpacaJoin, DataFormat } from "../config/data.ts";

export type Role = "human" | "assistant" | "system";

export interface Turn {
  role: Role;
  text: string;
}

export type Sample = { kind: "conversation"; turns: Turn[] } | { kind: "text"; text: string };

export type DropReason =
  | "empty"
  | "unknown_shape"
  | "unknown_role"
  | "turn_not_text"
  | "invalid_unicode"
  | "no_supervised_token";

export type Converted = { sample: Sample } | { dropped: DropReason; detail: string };

export interface ConvertOptions {
  join: AlpacaJoin;
  /** BELLE's own rule: whoever is not "human" is the assistant. */
  anyOtherIsAssistant: boolean;
}

type Fields = Record<string, unknown>;

const roles: Readonly<Record<string, Role>> = {
  human: "human",
  user: "human",
  assistant: "assistant",
  gpt: "assistant",
  chatgpt: "assistant",
  bot: "assistant",
  model: "assistant",
  system: "system",
};

/** An own member of the row; names inherited from Object.prototype are not data. */
function own(row: Fields, name: string): unknown {
  return Object.hasOwn(row, name) ? row[name] : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The format of a row by its keys; undefined when it has none of the known shapes. */
export function detectFormat(value: unknown): Exclude<DataFormat, "auto"> | undefined {
  if (typeof value === "string") return "text";
  if (!isFields(value)) return undefined;
  const has = (name: string) => own(value, name) !== undefined;
  if (has("messages")) return "sharegpt";
  if (has("conversations")) {
    const turns = own(value, "conversations");
    const isBelle = (turn: unknown) =>
      isFields(turn) && ["human", "assistant"].includes(String(own(turn, "from")).toLowerCase());
    return Array.isArray(turns) && turns.every(isBelle) ? "belle" : "sharegpt";
  }
  if (has("instruction") && has("output")) return "alpaca";
  if (has("input") && has("target")) return "input-target";
  if (has("text")) return "text";
  return undefined;
}

function drop(dropped: DropReason, detail: string): Converted {
  return { dropped, detail };
}

const loneSurrogate = /\p{Surrogate}/u;

function finish(sample: Sample): Converted {
  const texts = sample.kind === "text" ? [sample.text] : sample.turns.map((turn) => turn.text);
  if (texts.every((text) => text === "")) return drop("empty", "has no text");
  if (texts.some((text) => loneSurrogate.test(text))) {
    return drop("invalid_unicode", "holds half of a surrogate pair, which is no character");
  }
  return { sample };
}

function conversation(row: Fields, options: ConvertOptions): Converted {
  const list = own(row, "conversations") ?? own(row, "messages");
  if (!Array.isArray(list)) return drop("unknown_shape", "has no list of turns under conversations or messages");
  if (list.length === 0) return drop("empty", "has no turn");
  const turns: Turn[] = [];
  for (const [i, turn] of list.entries()) {
    const from = isFields(turn) ? (own(turn, "from") ?? own(turn, "role")) : undefined;
    const text = isFields(turn) ? (own(turn, "value") ?? own(turn, "content")) : undefined;
    if (typeof from !== "string" || typeof text !== "string") {
      return drop("turn_not_text", `turn ${i + 1} has no text under from/value or role/content`);
    }
    const name = from.toLowerCase();
    const known = Object.hasOwn(roles, name) ? roles[name] : undefined;
    const role = options.anyOtherIsAssistant ? (name === "human" ? "human" : "assistant") : known;
    if (role === undefined) return drop("unknown_role", `turn ${i + 1} is from ${JSON.stringify(from.slice(0, 40))}`);
    turns.push({ role, text });
  }
  return finish({ kind: "conversation", turns });
}

function alpaca(row: Fields, options: ConvertOptions): Converted {
  const instruction = own(row, "instruction");
  const input = own(row, "input") ?? "";
  const output = own(row, "output");
  if (typeof instruction !== "string" || typeof input !== "string" || typeof output !== "string") {
    return drop("unknown_shape", "instruction, input and output must be texts");
  }
  const turns: Turn[] = [];
  const system = own(row, "system");
  if (typeof system === "string" && system !== "") turns.push({ role: "system", text: system });
  const history = own(row, "history") ?? [];
  if (!Array.isArray(history)) return drop("unknown_shape", "history must be a list of [question, answer] pairs");
  for (const pair of history) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string" || typeof pair[1] !== "string") {
      return drop("unknown_shape", "history must be a list of [question, answer] pairs");
    }
    turns.push({ role: "human", text: pair[0] }, { role: "assistant", text: pair[1] });
  }
  // An empty input adds nothing, not even the join: as LLaMA-Factory and FastChat do; for BELLE's "" it is the same.
  const question = input === "" ? instruction : instruction + options.join + input;
  turns.push({ role: "human", text: question }, { role: "assistant", text: output });
  return finish({ kind: "conversation", turns });
}

function inputTarget(row: Fields): Converted {
  const input = own(row, "input");
  const target = own(row, "target");
  if (typeof input !== "string" || typeof target !== "string") {
    return drop("unknown_shape", "input and target must be texts");
  }
  const turns: Turn[] = [
    { role: "human", text: input },
    { role: "assistant", text: target },
  ];
  return finish({ kind: "conversation", turns });
}

function text(value: unknown): Converted {
  const content = typeof value === "string" ? value : isFields(value) ? own(value, "text") : undefined;
  return typeof content === "string" ? finish({ kind: "text", text: content }) : drop("unknown_shape", "has no text");
}

/** Converts one row of a known format. */
export function convertRow(value: unknown, format: Exclude<DataFormat, "auto">, options: ConvertOptions): Converted {
  if (format === "text") return text(value);
  if (!isFields(value)) return drop("unknown_shape", "is not an object");
  switch (format) {
    case "belle":
    case "sharegpt":
      return conversation(value, options);
    case "alpaca":
      return alpaca(value, options);
    case "input-target":
      return inputTarget(value);
  }
}
