// What a call throws, for tests that look at the code and the sentence.
import * as assert from "uvu/assert";
import { BelleError, type BelleErrorCode } from "../../ts/native/errors.ts";

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

/** As thrown, with this code and a message that matches. */
export async function fails(call: () => unknown, code: BelleErrorCode, message: RegExp): Promise<BelleError> {
  const error = await thrown(call);
  assert.is(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}
