// A training that takes several shards of counts; as a program, one that is killed while it counts.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TrainBpeOptions, trainBpe } from "../../ts/index.ts";

export const limited = {
  vocab_size: 1500,
  hard_vocab_limit: false,
  normalization_rule_name: "identity",
  memoryLimit: 4 << 20,
  threads: 2,
} as const;

/** The same lines each time: words of two to six of 300 characters, some of them rare, about 2 MB in all. */
export function* lines(seed = 1): Generator<string> {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let line = 0; line < 12_000; line++) {
    const words = Array.from({ length: 12 }, () =>
      Array.from({ length: 2 + Math.floor(5 * uniform()) }, () =>
        String.fromCharCode(0x4e00 + Math.floor(300 * uniform() ** 3)),
      ).join(""),
    );
    yield words.join(" ");
  }
}

export function shardsIn(work: string): number {
  try {
    return readdirSync(join(work, "counts")).filter((name) => /^shard-\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}

/** argv: the work folder, and a file instead of the lines. Kills itself when two shards are there. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [workFolder = "", file] = process.argv.slice(2);
  const source: TrainBpeOptions = file === undefined ? { sentences: lines() } : { files: [file] };
  const onProgress = () => {
    if (shardsIn(workFolder) >= 2) process.kill(process.pid, "SIGKILL");
  };
  await trainBpe({ ...limited, ...source, workFolder, onProgress });
}
