// Best-fit-decreasing packing: longest samples first, each into the fullest pack that still holds it. O(n log L).

/** A well-mixed 32-bit hash of two integers (MurmurHash3's finaliser): orders equal lengths by seed. */
export function mix(seed: number, index: number): number {
  let h = Math.imul(index ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(seed, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Indices 0..n-1 sorted by (key descending, hash of seed, index): a total order, so no tie is left to the sorter. */
function order(n: number, seed: number, key: (index: number) => number): Uint32Array {
  const hashes = Uint32Array.from({ length: n }, (_, i) => mix(seed, i));
  return Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => key(b) - key(a) || hashes[a]! - hashes[b]! || a - b,
  );
}

/** The smallest set member >= value; members are 0..size. A segment tree of "is there any". */
class CapacitySet {
  private readonly leaves: number;
  private readonly tree: Uint8Array;

  constructor(size: number) {
    this.leaves = 2 ** Math.ceil(Math.log2(size + 1));
    this.tree = new Uint8Array(2 * this.leaves);
  }

  set(value: number, present: boolean): void {
    let node = this.leaves + value;
    this.tree[node] = present ? 1 : 0;
    for (node >>= 1; node >= 1; node >>= 1) this.tree[node] = this.tree[2 * node]! | this.tree[2 * node + 1]!;
  }

  /** −1 when there is none. */
  atLeast(value: number): number {
    let node = this.leaves + value;
    if (this.tree[node]) return value;
    // Up until a right sibling holds something, then down its leftmost path.
    while (node > 1 && ((node & 1) === 1 || !this.tree[node + 1])) node >>= 1;
    if (node <= 1) return -1;
    node++;
    while (node < this.leaves) node = this.tree[2 * node] ? 2 * node : 2 * node + 1;
    return node - this.leaves;
  }
}

/**
 * Packs samples of the given lengths (each 1..maxLength) into packs of at most maxLength tokens. Returns sample indices
 * pack by pack; a pure function of its arguments. Packs come in an order drawn from the seed, so that a trainer which
 * does not shuffle still meets long and short ones mixed.
 */
export function packBestFit(lengths: ArrayLike<number>, maxLength: number, seed: number): number[][] {
  const packs: number[][] = [];
  const free = new CapacitySet(maxLength);
  const byCapacity: number[][] = Array.from({ length: maxLength + 1 }, () => []);
  for (const sample of order(lengths.length, seed, (i) => lengths[i]!)) {
    const length = lengths[sample]!;
    if (length < 1 || length > maxLength) throw new RangeError(`sample ${sample} has length ${length} of ${maxLength}`);
    let capacity = free.atLeast(length);
    let pack: number;
    if (capacity < 0) {
      pack = packs.push([]) - 1;
      capacity = maxLength;
    } else {
      pack = byCapacity[capacity]!.pop()!;
      if (byCapacity[capacity]!.length === 0) free.set(capacity, false);
    }
    packs[pack]!.push(sample);
    const left = capacity - length;
    if (left > 0) {
      byCapacity[left]!.push(pack);
      free.set(left, true);
    }
  }
  return [...order(packs.length, seed ^ 0x5bd1e995, () => 0)].map((pack) => packs[pack]!);
}
