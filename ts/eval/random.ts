// Philox 4x32-10 (Salmon et al., SC 2011), the counter-based generator of Random123: the n-th number of a stream is a
// function of (seed, stream, n), so sampling and bootstrap do not depend on the order things are done in.

const m0 = 0xd2511f53;
const m1 = 0xcd9e8d57;

/** High 32 bits of a 32x32-bit product. */
function high(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Ten rounds; counter and key are 32-bit words, least significant first. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = high(m0, c0);
    const low0 = Math.imul(m0, c0) >>> 0;
    const high1 = high(m1, c2);
    const low1 = Math.imul(m1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** A stream of uniform numbers. seed: an integer of up to 53 bits; stream: one of up to 32 bits. */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #stream: number;
  #block: number[] = [];
  #next = 0;

  constructor(seed: number, stream = 0) {
    this.#key = [seed >>> 0, Math.floor(seed / 0x100000000) >>> 0];
    this.#stream = stream >>> 0;
  }

  /** Uniform 32-bit integer. */
  nextUint32(): number {
    const value = this.#block.pop();
    if (value !== undefined) return value;
    const n = this.#next++;
    this.#block = philox([n >>> 0, Math.floor(n / 0x100000000), this.#stream, 0], this.#key).reverse();
    return this.#block.pop()!;
  }

  /** Uniform integer in [0, bound), without modulo bias. */
  below(bound: number): number {
    const limit = Math.floor(0x100000000 / bound) * bound;
    for (;;) {
      const value = this.nextUint32();
      if (value < limit) return value % bound;
    }
  }

  /** `count` of the numbers 0..total-1 in ascending order, every subset equally likely. */
  choose(total: number, count: number): number[] {
    const all = Array.from({ length: total }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      const j = i + this.below(total - i);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return all.slice(0, count).sort((a, b) => a - b);
  }
}
