// From item scores to category means and the papers' macro averages. Every mean carries its n and its coverage.

import { nineCategories, useCases } from "../judge/classes.ts";
import { BelleError } from "../native/errors.ts";
import { bootstrapMacro, estimateMacro, estimateMean, type Interval, type MeanEstimate } from "./statistics.ts";

export { categoryLabel } from "../judge/classes.ts";

export interface CategoryScheme {
  name: string;
  categories: ReadonlyArray<{ id: string; classes: readonly string[] }>;
  /** Unweighted means over some of the categories. */
  macros: ReadonlyArray<{ id: string; categories: readonly string[] }>;
}

/** arXiv 2304.07854, table 5: nine categories; "others" is one category, the mean over all math and code items. */
export const nineCategoryScheme: CategoryScheme = {
  name: "2304.07854",
  categories: nineCategories.map((id) => ({ id, classes: id === "others" ? ["math", "code"] : [id] })),
  macros: [
    { id: "macro_average", categories: nineCategories },
    { id: "macro_average_without_others", categories: nineCategories.filter((id) => id !== "others") },
  ],
};

/** arXiv 2303.14742, figure 1: twelve use cases and their mean, "overall". */
export const twelveUseCaseScheme: CategoryScheme = {
  name: "2303.14742",
  categories: useCases.map((id) => ({ id, classes: [id] })),
  macros: [{ id: "overall", categories: useCases }],
};

/** Each class is a category, in order of first appearance, with one macro average. */
export function schemeOfClasses(classes: Iterable<string>): CategoryScheme {
  const ids = [...new Set(classes)];
  return {
    name: "classes",
    categories: ids.map((id) => ({ id, classes: [id] })),
    macros: [{ id: "macro_average", categories: ids }],
  };
}

export interface ScoredItem {
  id: string;
  class: string;
  /** Absent: no usable score; the item lowers the coverage and enters no mean. */
  score?: number | undefined;
}

export interface CategoryMean extends MeanEstimate {
  id: string;
  /** Items of the category; n of them have a score. */
  items: number;
  /** n / items. */
  coverage: number;
}

export interface MacroMean extends MeanEstimate {
  id: string;
  /** The categories averaged: those of the scheme that have scores. */
  categories: string[];
  /** Categories of the scheme that are missing from the mean; not empty means "not the paper's number". */
  missing: string[];
  bootstrap?: Interval;
}

export interface Averages {
  scheme: string;
  level: number;
  categories: CategoryMean[];
  macros: MacroMean[];
  /** Mean over all items, each counted once. */
  items: CategoryMean;
}

function categoryMean(id: string, members: readonly ScoredItem[], level: number): CategoryMean {
  const scores = members.flatMap((item) => (item.score === undefined ? [] : [item.score]));
  const items = members.length;
  return { id, items, coverage: items === 0 ? 0 : scores.length / items, ...estimateMean(scores, level) };
}

/** Averages scores by a scheme. Throws ERR_BELLE_INVALID_DATA for a class the scheme has no category for. */
export function averageScores(
  items: readonly ScoredItem[],
  scheme: CategoryScheme,
  options: { level?: number; seed?: number; bootstrapRounds?: number } = {},
): Averages {
  const level = options.level ?? 0.95;
  const categoryOf = new Map(
    scheme.categories.flatMap(({ id, classes }) => classes.map((name) => [name, id] as const)),
  );
  const members = new Map<string, ScoredItem[]>(scheme.categories.map(({ id }) => [id, []]));
  for (const item of items) {
    const category = categoryOf.get(item.class);
    if (category === undefined) {
      throw new BelleError(
        "ERR_BELLE_INVALID_DATA",
        `Item ${item.id}: the categories of ${scheme.name} have no place for class "${item.class}"; use another scheme or leave the item out.`,
        { details: { item: item.id, class: item.class } },
      );
    }
    members.get(category)!.push(item);
  }
  const categories = scheme.categories
    .map(({ id }) => categoryMean(id, members.get(id)!, level))
    .filter((category) => category.items > 0);
  const scored = new Map(categories.filter((category) => category.n > 0).map((category) => [category.id, category]));
  const macros = scheme.macros.flatMap((macro): MacroMean[] => {
    const present = macro.categories.filter((id) => scored.has(id));
    if (present.length === 0) return [];
    const estimate = estimateMacro(
      present.map((id) => scored.get(id)!),
      level,
    ); // every one has n > 0
    const scores = present.map((id) => members.get(id)!.flatMap(({ score }) => (score === undefined ? [] : [score])));
    const bootstrap = bootstrapMacro(scores, {
      seed: options.seed ?? 0,
      rounds: options.bootstrapRounds ?? 2000,
      level,
    });
    const missing = macro.categories.filter((id) => !scored.has(id));
    return [{ id: macro.id, categories: present, missing, ...estimate, ...(bootstrap ? { bootstrap } : {}) }];
  });
  return { scheme: scheme.name, level, categories, macros, items: categoryMean("items", items, level) };
}
