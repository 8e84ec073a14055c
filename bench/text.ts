// Sentences in two languages. `belle-train bench` hands its own on; by hand it is BELLE_LANG=zh.

export function say(en: string, zh: string): string {
  return process.env.BELLE_LANG === "zh" ? zh : en;
}
