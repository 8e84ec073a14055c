// The two languages every message exists in, and how the user's one is found.

export type Language = "en" | "zh";

/** One sentence in both languages. */
export interface Text {
  en: string;
  zh: string;
}

/** BELLE_LANG wins, then POSIX order: LC_ALL, LC_MESSAGES, LANG. Anything that is not Chinese is English. */
export function detectLanguage(env: Readonly<Record<string, string | undefined>> = process.env): Language {
  for (const name of ["BELLE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]) {
    const value = env[name];
    if (value) return /^zh/i.test(value) ? "zh" : "en";
  }
  return "en";
}
