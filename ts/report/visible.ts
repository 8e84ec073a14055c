// Text of others where it must not act: on a terminal, in a table of pieces.

/** Control characters, which could move the cursor or recolour, and direction overrides as \u{…}. */
export function visible(text: string): string {
  return text.replace(
    /\p{Cc}|\p{Cs}|[\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
