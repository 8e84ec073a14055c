// `--set a.b=1`: values laid over the file before it is validated.
import { parse } from "yaml";
import { BelleError } from "../native/errors.ts";
import type { Language } from "./language.ts";

export interface Override {
  /** As typed: `a.b=1`. */
  source: string;
  path: string[];
  value: unknown;
}

/** Reads `a.b=1`; the value is YAML, so `true`, `1e-5`, `[a, b]` and plain text are what they look like. */
export function parseOverride(source: string, language: Language): Override {
  const equals = source.indexOf("=");
  const path = source.slice(0, Math.max(0, equals)).split(".");
  const bad = equals <= 0 || path.some((name) => !/^[A-Za-z0-9_-]+$/.test(name) || name === "__proto__");
  if (bad) {
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      language === "zh"
        ? `--set ${source}：应写作 键.子键=值，例如 --set train.learning_rate=1e-5`
        : `--set ${source}: expected key.subkey=value, for example --set train.learning_rate=1e-5`,
    );
  }
  try {
    return { source, path, value: parse(source.slice(equals + 1), { maxAliasCount: 0 }) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      language === "zh"
        ? `--set ${source}：值不是有效的 YAML：${reason}`
        : `--set ${source}: the value is not valid YAML: ${reason}`,
      { cause },
    );
  }
}

/** A copy of `root` with the value at the override's path; missing maps on the way are made. */
export function applyOverride(root: unknown, override: Override): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
  const top: Record<string, unknown> = isMap(root) ? root : {};
  let node = top;
  for (const name of override.path.slice(0, -1)) {
    const next = Object.hasOwn(node, name) ? node[name] : undefined;
    const map: Record<string, unknown> = isMap(next) ? next : {};
    node[name] = map;
    node = map;
  }
  node[override.path.at(-1)!] = override.value;
  return top;
}
