// encodeBatch on several threads, call after call: what is kept between calls and what goes wrong within one.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tokenizer, trainBpe } from "../../ts/index.ts";
import { fails } from "../support/thrown.ts";

const test = suite("encodeBatch");

function small(): Promise<Tokenizer> {
  const sentences = ["the cat sat on the mat", "the dog sat on the log", "今天天气很好"];
  return trainBpe({ sentences, vocab_size: 300, byte_fallback: true, normalization_rule_name: "identity" });
}

function idsOf(tokenizer: Tokenizer, texts: string[], threads: number): number[] {
  return [...tokenizer.encodeBatch(texts, { threads }).ids];
}

test("words of earlier calls change no ids", async () => {
  const tokenizer = await small();
  const texts = Array.from({ length: 3000 }, (_, i) => `a ${i % 97} bat  at${i % 5} ab`);
  const again = [...texts].reverse();
  const first = idsOf(tokenizer, texts, 2);
  assert.equal(idsOf(tokenizer, again, 2), idsOf(await small(), again, 1));
  assert.equal(idsOf(tokenizer, texts, 2), first);
  assert.equal([...tokenizer.encode(texts[7]!)], [...(await small()).encode(texts[7]!)]);
});

test("a text that is none, found while others are encoded, ends the call and leaves the next one right", async () => {
  const tokenizer = await small();
  const texts = Array.from({ length: 20_000 }, (_, i) => `the bat sat ${i}`);
  const right = idsOf(tokenizer, texts, 1);
  const wrong: unknown[] = [...texts];
  wrong[19_000] = 7;
  for (const threads of [1, 2, 3, 0]) {
    await fails(
      () => tokenizer.encodeBatch(wrong as string[], { threads }),
      "ERR_BELLE_INVALID_ARGUMENT",
      /^texts\[19000\] must be a string, not 7/,
    );
    assert.equal(idsOf(tokenizer, texts, threads), right);
  }
});

test("long texts among short ones are cut, encoded in parts and put together again", async () => {
  const tokenizer = await small();
  const long = "the bat sat on the mat 今天".repeat(10_000);
  const texts = ["a", long, "", long, "b"];
  const alone = texts.map((text) => [...tokenizer.encode(text)]);
  for (const threads of [1, 2, 5]) {
    const { ids, offsets } = tokenizer.encodeBatch(texts, { threads });
    assert.equal([...ids], alone.flat());
    const lengths = texts.map((_, i) => offsets[i + 1]! - offsets[i]!);
    assert.equal(
      lengths,
      alone.map((each) => each.length),
    );
  }
});

test.run();
