// Runs ours and, where one is given, a peer's program in alternation, and prints one JSON line: median, spread, ratio.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

export interface Claim {
  name: string;
  unit: string;
  /** One measurement of ours; larger is better when `higher`. */
  ours(): Promise<number>;
  higher: boolean;
  rounds: number;
  /** Reads the peer's figure from the JSON line its program prints. */
  peer?: { command: string[]; figure(line: Record<string, unknown>): number };
  config: Record<string, unknown>;
}

/** `--name value` of the command line. */
export function argument(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

function summary(values: number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, min: sorted[0]!, max: sorted.at(-1)! };
}

export async function measure(claim: Claim): Promise<void> {
  const ours: number[] = [];
  const peers: number[] = [];
  for (let round = 0; round < claim.rounds; round++) {
    ours.push(await claim.ours());
    if (claim.peer === undefined) continue;
    const [program, ...args] = claim.peer.command;
    const out = execFileSync(program!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    peers.push(claim.peer.figure(JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, unknown>));
  }
  const mine = summary(ours);
  const theirs = peers.length === 0 ? undefined : summary(peers);
  const ratio = theirs && (claim.higher ? mine.median / theirs.median : theirs.median / mine.median);
  console.log(
    JSON.stringify({
      claim: claim.name,
      unit: claim.unit,
      ours: mine,
      ...(theirs === undefined ? {} : { peer: theirs, times_better: Number(ratio!.toFixed(2)) }),
      rounds: claim.rounds,
      config: claim.config,
      cpu: cpus()[0]?.model,
      node: process.versions.node,
    }),
  );
}
