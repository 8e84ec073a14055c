// A described schema field: what the reference page, the JSON schema and the error messages all read.
import type { z } from "zod";
import type { Text } from "./language.ts";

export interface FieldMeta {
  description: string;
  description_zh: string;
  /** Said instead of the generic message when the value is refused. */
  refusal?: Text;
}

/** Attaches the description in both languages; `refusal` replaces the generic message for a refused value. */
export function field<S extends z.ZodType>(schema: S, en: string, zh: string, refusal?: Text): S {
  const meta: FieldMeta = { description: en, description_zh: zh, ...(refusal ? { refusal } : {}) };
  return schema.meta(meta as unknown as Record<string, unknown>) as S;
}

/** Parameters of a custom issue raised by a refinement: the same sentence in both languages. */
export function refusal(text: Text, path: Array<string | number>) {
  return { code: "custom" as const, message: text.en, path, params: { en: text.en, zh: text.zh } };
}
