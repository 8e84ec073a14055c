// YAML (or JSON, which is YAML) -> a validated value. Every message says file:line:column and the key.
import { readFile, stat } from "node:fs/promises";
import { type Document, isMap, isPair, isScalar, LineCounter, type ParsedNode, parseDocument } from "yaml";
import type { z } from "zod";
import { BelleError } from "../native/errors.ts";
import { detectLanguage, type Language } from "./language.ts";
import { applyOverride, type Override, parseOverride } from "./overrides.ts";
import { type Problem, problemsOf } from "./problems.ts";

export interface LoadConfigOptions {
  /** `a.b=1` strings, applied in order before validation. */
  set?: readonly string[];
  /** Language of the messages; default from BELLE_LANG, LC_ALL, LC_MESSAGES, LANG. */
  language?: Language;
}

const maxBytes = 1 << 20;

function message(language: Language, en: string, zh: string): string {
  return language === "zh" ? zh : en;
}

/** Reads and validates a configuration file. Throws ERR_BELLE_CONFIG with one line a problem. */
export async function loadConfig<S extends z.ZodType>(
  path: string,
  schema: S,
  options: LoadConfigOptions = {},
): Promise<z.output<S>> {
  const language = options.language ?? detectLanguage();
  let bytes: Buffer;
  try {
    const info = await stat(path);
    if (!info.isFile() || info.size > maxBytes) {
      throw new BelleError(
        "ERR_BELLE_CONFIG",
        info.isFile()
          ? message(
              language,
              `${path}: a configuration is at most 1 MiB, this file has ${info.size} bytes`,
              `${path}：配置文件不超过 1 MiB，该文件有 ${info.size} 字节`,
            )
          : message(language, `${path}: is a folder; give a YAML file`, `${path}：是文件夹；请给出 YAML 文件`),
      );
    }
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof BelleError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      code === "ENOENT"
        ? message(
            language,
            `${path}: no such configuration file; check the path`,
            `${path}：配置文件不存在，请检查路径`,
          )
        : message(language, `${path}: cannot be read (${code})`, `${path}：无法读取（${code}）`),
      { cause },
    );
  }
  return parseConfig(bytes.toString("utf8"), path, schema, options);
}

/** As loadConfig, from text; `name` stands where a file name would in messages. */
export function parseConfig<S extends z.ZodType>(
  text: string,
  name: string,
  schema: S,
  options: LoadConfigOptions = {},
): z.output<S> {
  const language = options.language ?? detectLanguage();
  const overrides = (options.set ?? []).map((source) => parseOverride(source, language));
  const lines = new LineCounter();
  const document = readDocument(text, name, lines, language);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BelleError("ERR_BELLE_CONFIG", `${name}: ${reason}`, { cause });
  }
  for (const override of overrides) value = applyOverride(value, override);
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues
    .flatMap((issue) => problemsOf(schema, issue, value ?? {}, language))
    .map((problem) => ({ ...problem, place: locate(problem, document, lines, overrides) }))
    .sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
  const separator = language === "zh" ? "：" : ": ";
  const sentences = problems.map(({ place, ...problem }) => {
    const prefix = place.override === undefined ? `${name}:${place.line}:${place.column}` : `--set ${place.override}`;
    const key = problem.path.join(".");
    return `${prefix}${key === "" ? "" : ` ${key}`}${separator}${problem.message}`;
  });
  const first = problems[0]!;
  throw new BelleError("ERR_BELLE_CONFIG", sentences.join("\n"), {
    cause: result.error,
    details: {
      file: name,
      line: first.place.line,
      column: first.place.column,
      key: first.path.join("."),
      problems: problems.length,
    },
  });
}

function readDocument(text: string, name: string, lines: LineCounter, language: Language): Document.Parsed {
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch (cause) {
    // The YAML reader descends into nested values; a file nested past its stack is refused here.
    throw new BelleError("ERR_BELLE_CONFIG", message(language, `${name}: nested too deeply`, `${name}：嵌套过深`), {
      cause,
    });
  }
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    // The reader descends into nested values; what it says of a file nested past its stack helps nobody.
    const deep = error.message.includes("call stack");
    const reason = deep ? message(language, "nested too deeply", "嵌套过深") : error.message.replace(/\s+/g, " ");
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      message(
        language,
        `${name}:${line}:${col} not valid YAML: ${reason}`,
        `${name}:${line}:${col} 不是有效的 YAML：${reason}`,
      ),
      { cause: error, details: { file: name, line, column: col } },
    );
  }
  return document;
}

interface Place {
  line: number;
  column: number;
  override?: string;
}

/** Where the problem stands: an override that set it, its key or value in the file, or the nearest parent that exists. */
function locate(problem: Problem, document: Document.Parsed, lines: LineCounter, overrides: Override[]): Place {
  const path = problem.path.map(String);
  const setter = overrides.findLast(
    (override) => path.length > 0 && override.path.every((part, i) => i >= path.length || part === path[i]),
  );
  let offset = 0;
  let node: ParsedNode | null = document.contents;
  for (const [depth, part] of problem.path.entries()) {
    const last = depth === problem.path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part),
      );
      if (pair === undefined) break;
      const key = pair.key as ParsedNode;
      const inner = pair.value as ParsedNode | null;
      const target: ParsedNode = last && problem.onKey ? key : (inner ?? key);
      offset = target.range[0];
      node = inner;
    } else {
      const items: ParsedNode | undefined =
        node && "items" in node ? (node.items[Number(part)] as ParsedNode) : undefined;
      if (items === undefined) break;
      offset = items.range[0];
      node = items;
    }
  }
  const { line, col } = lines.linePos(offset);
  const place = { line: Math.max(1, line), column: Math.max(1, col) };
  return setter === undefined ? place : { ...place, override: setter.source };
}
