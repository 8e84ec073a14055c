// A hostile input and what the program must say to it.

export interface Place {
  /** A folder of this case alone. */
  dir: string;
  /** A whole model folder of this case alone, without MANIFEST.json: to be damaged. */
  model: string;
  /** Where the command is asked to write; it must hold the same before and after. */
  output: string;
}

export interface BadInput {
  name: string;
  /** Makes the input; returns the command line. */
  make(place: Place): string[] | Promise<string[]>;
  code: 1 | 2 | 3 | 75;
  /** `error.code` with --json. */
  error: string;
  /** What must stand in the sentence: the place, and how to mend it. */
  says: Array<string | RegExp>;
}
