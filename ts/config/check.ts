// A value given to the library, checked by the schema its YAML has.
import type { z } from "zod";
import { BelleError } from "../native/errors.ts";
import { detectLanguage } from "./language.ts";
import { problemsOf } from "./problems.ts";

/** The value with its defaults. Throws ERR_BELLE_INVALID_ARGUMENT, one line a problem; `name` leads to the keys. */
export function checkValue<S extends z.ZodType>(schema: S, value: unknown, name: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues
    .flatMap((issue) => problemsOf(schema, issue, value, detectLanguage()))
    .map((problem) => `${[name, ...problem.path].join(".")}: ${problem.message}`);
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", sentences.join("\n"), { cause: parsed.error });
}
