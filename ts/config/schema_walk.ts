// Finds the schema of a key, through optionals, defaults and unions: for "did you mean", refusals and the docs.
import { z } from "zod";
import type { FieldMeta } from "./field.ts";

/** The schema without optional, default, prefault and nullable around it. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The object schema `schema` stands for; of a union the first object branch. */
export function objectOf(schema: z.core.$ZodType): z.ZodObject | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return inner;
  if (inner instanceof z.ZodUnion) return inner.options.map(objectOf).find((found) => found !== undefined);
  return undefined;
}

/** Every object a schema may stand for: itself, or the object branches of a union. */
export function objectsOf(schema: z.core.$ZodType): z.ZodObject[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return [inner];
  return inner instanceof z.ZodUnion ? inner.options.flatMap(objectsOf) : [];
}

/** The schema at `path`, or undefined where the path leaves the schema. */
export function schemaAt(root: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = root;
  for (const key of path) {
    if (schema === undefined) return undefined;
    const inner = unwrap(schema);
    if (inner instanceof z.ZodArray) schema = inner.element;
    else {
      const shape: Record<string, z.core.$ZodType> = objectOf(inner)?.shape ?? {};
      schema = Object.hasOwn(shape, key) ? shape[String(key)] : undefined;
    }
  }
  return schema;
}

/** Names accepted at `path`. */
export function keysAt(root: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(root, path);
  return Object.keys((schema && objectOf(schema)?.shape) ?? {});
}

/** What `field` attached to the schema, if it did. */
export function metaOf(schema: z.core.$ZodType | undefined): Partial<FieldMeta> {
  return (schema instanceof z.ZodType ? (schema.meta() as Partial<FieldMeta> | undefined) : undefined) ?? {};
}
