// benchKernel: how long one op of the backend takes by itself, on buffers made for it.
import { withSignal } from "../native/abort.ts";
import type { NativeKernelFigure, NativeKernelRequest } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { type DeviceOptions, type DType, deviceOptions } from "./load_options.ts";

export interface GemmKernel {
  op: "gemm";
  /** C[m, n] = A[m, k] B[k, n]. */
  m: number;
  n: number;
  k: number;
  /** How A and B are stored: n as written, t transposed. Default "nn". */
  layout?: "nn" | "nt" | "tn";
}

export interface AttentionKernel {
  op: "attention" | "attention_backward";
  /** Of all documents together. */
  tokens: number;
  /** Of equal length; default 1. */
  documents?: number;
  heads: number;
  /** Default: heads. */
  kvHeads?: number;
  headDim: number;
  /** Default false. */
  alibi?: boolean;
}

export interface LossKernel {
  /** The loss with both gradients, or the three matrix products in it alone. */
  op: "linear_cross_entropy" | "linear_cross_entropy_gemms";
  rows: number;
  d: number;
  vocab: number;
  /** Rows of logits held at once; 0 (default): the rows a model takes (54 MiB of logits, at most 1,024). */
  chunkRows?: number;
}

export interface OptimizerKernel {
  op: "adamw";
  /** Parameters. */
  n: number;
}

export interface RowKernel {
  op: "rms_norm" | "swiglu";
  rows: number;
  d: number;
}

export interface PeakKernel {
  /** Multiply-adds on registers: what no op can exceed. flops / seconds.median is the peak. */
  op: "peak";
}

export type KernelRequest = GemmKernel | AttentionKernel | LossKernel | OptimizerKernel | RowKernel | PeakKernel;

export interface KernelOptions extends DeviceOptions {
  /** Of the op's tensors. Default "float32". */
  dtype?: DType;
  /** Time spent on repeats, besides making the buffers and one call to warm up; one is always made. Default 0.2. */
  seconds?: number;
  signal?: AbortSignal;
}

/** Of one call. A peak is that of one floating-point operation. */
export type KernelFigure = NativeKernelFigure;

const defaults: { [K in KernelRequest["op"]]: object } = {
  peak: {},
  gemm: { layout: "nn" },
  attention: { documents: 1, alibi: false },
  attention_backward: { documents: 1, alibi: false },
  linear_cross_entropy: { chunkRows: 0 },
  linear_cross_entropy_gemms: { chunkRows: 0 },
  adamw: {},
  rms_norm: {},
  swiglu: {},
};

/**
 * Times one op on a thread of its own, with a backend opened for it: the same values in its buffers every time, one
 * call to warm up. Throws ERR_BELLE_UNSUPPORTED where the backend does not compute the dtype, ERR_BELLE_OUT_OF_MEMORY.
 */
export async function benchKernel(request: KernelRequest, options: KernelOptions = {}): Promise<KernelFigure> {
  const { dtype = "float32", seconds = 0.2, signal, ...device } = options;
  if (!Object.hasOwn(defaults, request.op)) {
    wrong(`op must be one of ${Object.keys(defaults).join(", ")}, not ${String(request.op)}.`);
  }
  if (!(seconds >= 0 && seconds <= 600)) wrong(`seconds must be a number from 0 to 600, not ${String(seconds)}.`);
  const sizes = { ...defaults[request.op], ...request };
  const whole = "heads" in request ? { ...sizes, kvHeads: request.kvHeads ?? request.heads } : sizes;
  const { backend, threads } = deviceOptions(device);
  const native = { ...whole, backend, threads, dtype, seconds } as NativeKernelRequest;
  return withSignal(signal, "The measurement", (stop) => binding().benchKernel(native, stop));
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}
