// The YAML files a user writes: those of ts/config, and one for each recipe under the recipe's name.
import type { z } from "zod";
import { documents } from "../config/reference.ts";
import { recipes } from "../recipes/registry.ts";

export const userDocuments: Readonly<Record<string, z.ZodType>> = {
  ...documents,
  ...Object.fromEntries(recipes.map(({ name, schema }) => [name, schema])),
};
