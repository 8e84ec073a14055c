// What a call throws, for tests that look at the code and the sentence.
import { BelleError } from "../../ts/native/errors.ts";

/** The BelleError a call throws or rejects with; fails when there is none. */
export async function thrown(call: () => unknown): Promise<BelleError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof BelleError) return error;
    throw error;
  }
  throw new Error("expected an error, got none");
}
