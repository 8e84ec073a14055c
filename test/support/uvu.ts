// What `import … from "uvu"` gives in a test (tsconfig.json, paths). uvu's reporter prints `details` of an error as
// text; at an error whose details are an object, as a BelleError's, or at a thrown value that is no error, it ends the
// suite without a word, and a file run by itself exits with 0. Here such a failure is made one it can print.
import { inspect } from "node:util";

type Body = () => unknown;

interface Hook {
  (body: Body): void;
  each(body: Body): void;
}

interface Suite {
  (name: string, body: Body): void;
  only(name: string, body: Body): void;
  skip(name?: string, body?: Body): void;
  before: Hook;
  after: Hook;
  run(): void;
}

// By its file: the name would lead back here.
const uvu = (await import(new URL("../../node_modules/uvu/dist/index.mjs", import.meta.url).href)) as {
  suite(title: string): Suite;
};

function printable(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(`threw ${inspect(thrown)}`);
  const details = "details" in thrown ? thrown.details : undefined;
  if (details === undefined || details === false || typeof details === "string") return thrown;
  const error = new Error(`${thrown.message} ${inspect(details)}`, { cause: thrown });
  error.name = thrown.name;
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

function guarded(body: Body): Body {
  return async () => {
    try {
      await body();
    } catch (error) {
      throw printable(error);
    }
  };
}

export function suite(title: string): Suite {
  const inner = uvu.suite(title);
  const test = (name: string, body: Body) => inner(name, guarded(body));
  const only = (name: string, body: Body) => inner.only(name, guarded(body));
  const { skip, before, after, run } = inner;
  return Object.assign(test, { only, skip, before, after, run });
}
