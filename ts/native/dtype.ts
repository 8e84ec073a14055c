// The types weights and activations have in memory.

export const dtypes = ["float32", "bfloat16"] as const;
export type DType = (typeof dtypes)[number];
