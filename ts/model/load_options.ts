// Where a model runs and in which type: checked before the addon is asked.
import type { NativeModelOptions } from "../native/binding.ts";
import { type DType, dtypes } from "../native/dtype.ts";
import { BelleError } from "../native/errors.ts";

export type Backend = "auto" | "cpu" | "cuda";
export type { DType };

export interface DeviceOptions {
  /** Default: the environment variable BELLE_BACKEND, else "auto" (cuda when it is usable, else cpu). */
  backend?: Backend;
  /** CPU threads; 0 or left out = all cores. Results do not depend on it. */
  threads?: number;
}

export interface LoadOptions extends DeviceOptions {
  /**
   * Type of weights and activations, default "float32"; files of another type are converted. With "bfloat16" every op
   * still computes in float32 and rounds once where it stores; gradients, optimizer state and statistics are float32.
   */
  dtype?: DType;
}

const backends: readonly string[] = ["auto", "cpu", "cuda"] satisfies Backend[];

export function deviceOptions(options: LoadOptions): NativeModelOptions {
  const { dtype = "float32", threads = 0 } = options;
  if (!dtypes.includes(dtype)) {
    wrong(`dtype must be ${dtypes.map((name) => `"${name}"`).join(" or ")}, not ${JSON.stringify(dtype)}.`);
  }
  const fromEnvironment = options.backend === undefined && process.env.BELLE_BACKEND !== undefined;
  const backend = options.backend ?? (process.env.BELLE_BACKEND || "auto");
  if (!backends.includes(backend)) {
    const name = fromEnvironment ? "The environment variable BELLE_BACKEND" : "backend";
    wrong(`${name} must be one of ${backends.join(", ")}, not ${JSON.stringify(backend)}.`);
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) wrong("threads must be an integer from 0 to 1024.");
  return { backend, threads, dtype };
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}
