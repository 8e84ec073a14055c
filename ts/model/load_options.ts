// Where a model runs and in which type: checked before the addon is asked.
import { BelleError } from "../native/errors.ts";

export type Backend = "auto" | "cpu" | "cuda";

export interface DeviceOptions {
  /** Default: the environment variable BELLE_BACKEND, else "auto" (cuda when it is usable, else cpu). */
  backend?: Backend;
  /** CPU threads; 0 or left out = all cores. Results do not depend on it. */
  threads?: number;
}

export interface LoadOptions extends DeviceOptions {
  /** Type of the weights in memory. Files in bfloat16 or float16 are widened. Only "float32" today. */
  dtype?: "float32" | "bfloat16";
}

const backends: readonly string[] = ["auto", "cpu", "cuda"] satisfies Backend[];

export function deviceOptions(options: LoadOptions): { backend: string; threads: number } {
  const { dtype = "float32", threads = 0 } = options;
  if (dtype === "bfloat16") {
    throw new BelleError(
      "ERR_BELLE_UNSUPPORTED",
      'dtype: "bfloat16" is not computed by this version; leave dtype out: weights stored as bfloat16 load as float32, ' +
        'and save(folder, { dtype: "bfloat16" }) writes them back.',
    );
  }
  if (dtype !== "float32") wrong(`dtype must be "float32", not ${JSON.stringify(dtype)}.`);
  const fromEnvironment = options.backend === undefined && process.env.BELLE_BACKEND !== undefined;
  const backend = options.backend ?? (process.env.BELLE_BACKEND || "auto");
  if (!backends.includes(backend)) {
    const name = fromEnvironment ? "The environment variable BELLE_BACKEND" : "backend";
    wrong(`${name} must be one of ${backends.join(", ")}, not ${JSON.stringify(backend)}.`);
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) wrong("threads must be an integer from 0 to 1024.");
  return { backend, threads };
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}
