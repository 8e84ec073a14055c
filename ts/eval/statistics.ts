// Means with standard errors and intervals. Formulas: sample variance with n-1; Student t; Welch-Satterthwaite degrees
// of freedom for a mean of means; percentile bootstrap.

import { RandomStream } from "./random.ts";

export interface Interval {
  low: number;
  high: number;
}

export interface MeanEstimate {
  n: number;
  /** Absent when n = 0. */
  mean?: number;
  /** Sample standard deviation; absent when n < 2 and for a mean of means. */
  sd?: number;
  /** Standard error of the mean; absent when n < 2. */
  se?: number;
  /** Two-sided confidence interval; absent when n < 2. */
  interval?: Interval;
}

/** log of the gamma function, Lanczos with g = 7 and nine terms, relative error below 1e-14 for x > 0.5. */
function logGamma(x: number): number {
  const terms = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const t = x + 6.5;
  let sum = terms[0]!;
  for (let i = 1; i < terms.length; i++) sum += terms[i]! / (x - 1 + i);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes, 6.4). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / Math.max(tiny, 1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return h;
}

/** Regularised incomplete beta function I_x(a, b). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** P(|T| > t) of Student's t with `df` degrees of freedom (not necessarily whole). */
export function studentTwoSided(t: number, df: number): number {
  return incompleteBeta(df / (df + t * t), df / 2, 0.5);
}

/** The t with P(|T| <= t) = level, by bisection. */
export function studentQuantile(level: number, df: number): number {
  let low = 0;
  let high = 1;
  while (studentTwoSided(high, df) > 1 - level && high < 1e12) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, df) > 1 - level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean, deviation, standard error and t interval. Intervals may leave [0, 1]: they are not clipped. */
export function estimateMean(values: readonly number[], level = 0.95): MeanEstimate {
  const n = values.length;
  if (n === 0) return { n };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const sd = Math.sqrt(squares / (n - 1));
  const se = sd / Math.sqrt(n);
  const half = studentQuantile(level, n - 1) * se;
  return { n, mean, sd, se, interval: { low: mean - half, high: mean + half } };
}

/**
 * The unweighted mean of group means: se = sqrt(sum of se_k squared) / K, degrees of freedom by Welch-Satterthwaite.
 * Without a standard error when a group has fewer than two values. Groups without values are not allowed.
 */
export function estimateMacro(groups: readonly MeanEstimate[], level = 0.95): MeanEstimate {
  const k = groups.length;
  const n = groups.reduce((sum, group) => sum + group.n, 0);
  const mean = groups.reduce((sum, group) => sum + (group.mean ?? Number.NaN), 0) / k;
  if (groups.some((group) => group.se === undefined)) return { n, mean };
  const variance = groups.reduce((sum, group) => sum + (group.se ?? 0) ** 2, 0);
  const spread = groups.reduce((sum, group) => sum + (group.se ?? 0) ** 4 / (group.n - 1), 0);
  const se = Math.sqrt(variance) / k;
  const half = spread === 0 ? 0 : studentQuantile(level, variance ** 2 / spread) * se;
  return { n, mean, se, interval: { low: mean - half, high: mean + half } };
}

/** Linear interpolation between order statistics, as numpy's default. */
function percentile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const fraction = at - low;
  const first = sorted[low]!;
  return fraction === 0 ? first : first + fraction * (sorted[low + 1]! - first);
}

/** Percentile bootstrap of the unweighted mean of the groups' means; each group is resampled by itself. */
export function bootstrapMacro(
  groups: ReadonlyArray<readonly number[]>,
  options: { seed: number; rounds?: number; level?: number },
): Interval | undefined {
  if (groups.length === 0 || groups.some((group) => group.length === 0)) return undefined;
  const rounds = options.rounds ?? 2000;
  const means = new Float64Array(rounds);
  for (const [k, group] of groups.entries()) {
    const random = new RandomStream(options.seed, k);
    for (let round = 0; round < rounds; round++) {
      let sum = 0;
      for (let i = 0; i < group.length; i++) sum += group[random.below(group.length)]!;
      means[round]! += sum / group.length / groups.length;
    }
  }
  means.sort();
  const tail = (1 - (options.level ?? 0.95)) / 2;
  return { low: percentile(means, tail), high: percentile(means, 1 - tail) };
}

/** Difference of two runs on the same items, item by item; the only fair way to compare models on one set. */
export function pairedDifference(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
  level = 0.95,
): MeanEstimate & { pValue?: number } {
  const differences: number[] = [];
  for (const [id, value] of a) {
    const other = b.get(id);
    if (other !== undefined) differences.push(value - other);
  }
  const estimate = estimateMean(differences, level);
  const { n, mean, se } = estimate;
  if (mean === undefined || se === undefined) return estimate;
  if (se === 0) return { ...estimate, pValue: mean === 0 ? 1 : 0 };
  return { ...estimate, pValue: studentTwoSided(mean / se, n - 1) };
}
