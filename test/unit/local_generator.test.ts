// A model on this computer as the one who answers: the prompt of training, the rows of the tokenizer, the bits of a run
// that was not stopped.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { generateSchema } from "../../ts/config/generate.ts";
import { templates } from "../../ts/data/template.ts";
import { generateAnswers, type TextGenerator } from "../../ts/eval/answers.ts";
import { localGenerator } from "../../ts/eval/local_generator.ts";
import { Model, type Tokenizer, trainBpe } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("local generator");

// Far more rows than pieces: most of what this model would say is padding.
const rows = 2000;
const tokenizer = await trainBpe({
  sentences: ["今天天气很好", "今天我们去学校", "学校的天气也很好"],
  vocab_size: 280,
  byte_fallback: true,
  character_coverage: 1,
});
const model = await Model.create({ ...tinyConfig, vocab_size: rows }, { seed: 3, backend: "cpu", threads: 1 });
const questions = ["天气？", "学校？", "今天？", "我们？", "很好？"];
const items = questions.map((question, i) => ({ id: `q${i}`, class: "math", question, gold: "" }));

function generator(sampling: object = {}, weights = "w", used: Tokenizer = tokenizer): TextGenerator {
  const generate = generateSchema.parse({ max_new_tokens: 12, ...sampling });
  return localGenerator({ model, tokenizer: used, template: templates.belle, generate, weights });
}

test("the prompt is the template's question; padding rows are never answered", async () => {
  const ids = tokenizer.encode("Human: \n天气？\n\nAssistant: \n");
  const [expected] = await model.generate([ids], { maxNewTokens: 12, vocabulary: 280, stop: [2] });
  assert.is(await generator().generateText("天气？"), tokenizer.decode(expected!).trim());
  const [free] = await model.generate([ids], { maxNewTokens: 12, stop: [2] });
  assert.ok(
    free!.some((id) => id >= 280),
    "without the bound this model answers in padding",
  );
});

test("an answer ends at the tokenizer's eos and at the model's", async () => {
  const ids = tokenizer.encode("Human: \n天气？\n\nAssistant: \n");
  const [whole] = await model.generate([ids], { maxNewTokens: 12, vocabulary: 280, stop: [] });
  // The model's own end-of-sequence is set to what it says third.
  const ends = whole!.find((id, i) => i >= 2 && whole!.indexOf(id) === i)!;
  const at = whole!.indexOf(ends);
  using other = await Model.create(
    { ...tinyConfig, vocab_size: rows, eos_token_id: ends },
    { seed: 3, backend: "cpu", threads: 1 },
  );
  const generate = generateSchema.parse({ max_new_tokens: 12 });
  const short = localGenerator({ model: other, tokenizer, template: templates.belle, generate, weights: "w" });
  assert.is(await short.generateText("天气？"), tokenizer.decode(whole!.slice(0, at)).trim());
});

test("the fingerprint changes with weights, sampling and tokenizer, and with nothing else", async () => {
  const other = await trainBpe({
    sentences: ["别的文字"],
    vocab_size: 268,
    byte_fallback: true,
    character_coverage: 1,
  });
  const all = [
    generator(),
    generator({}, "v"),
    generator({ temperature: 1 }),
    generator({ seed: 1 }),
    generator({}, "w", other),
  ];
  assert.is(new Set(all.map(({ fingerprint }) => fingerprint)).size, all.length);
  assert.is(generator().fingerprint, generator().fingerprint);
});

test("an abort is ERR_BELLE_ABORTED", async () => {
  const asked = () => generator().generateText("天气？", AbortSignal.abort("no"));
  await fails(asked, "ERR_BELLE_ABORTED", /stopped/);
});

/** The generator, stopped after so many calls. */
function stopping(inner: TextGenerator, calls: number, controller: AbortController): TextGenerator {
  let left = calls;
  return {
    ...inner,
    async generateTexts(prompts, signal) {
      const texts = await inner.generateTexts!(prompts, signal);
      if (--left === 0) controller.abort("stop");
      return texts;
    },
  };
}

for (const temperature of [0, 1.5])
  test(`temperature ${temperature}: answers do not depend on where the run was stopped`, () =>
    withFolder(async (folder) => {
      const answer = (journal: string, from: TextGenerator, signal?: AbortSignal) =>
        generateAnswers({
          items,
          model: from,
          batch: 2,
          journal: join(folder, journal),
          ...(signal ? { signal } : {}),
        });
      const whole = await answer("whole", generator({ temperature }));
      if (temperature > 0)
        assert.is.not(whole.get("q0"), (await answer("seed", generator({ temperature, seed: 5 }))).get("q0"));

      const controller = new AbortController();
      const stopped = () => answer("part", stopping(generator({ temperature }), 2, controller), controller.signal);
      await fails(stopped, "ERR_BELLE_ABORTED", /stop/);
      // A kill may also come between two lines of one batch.
      const journal = join(folder, "part");
      const lines = readFileSync(journal, "utf8").trimEnd().split("\n");
      assert.is(lines.length, 4);
      writeFileSync(journal, `${lines.slice(0, 3).join("\n")}\n`);
      assert.equal([...(await answer("part", generator({ temperature })))].sort(), [...whole].sort());
      assert.is(readFileSync(journal, "utf8").trimEnd().split("\n").length, 5, "nothing is journaled twice");
      const none = stopping(generator({ temperature }), 1, controller);
      assert.equal([...(await answer("part", none))].sort(), [...whole].sort());
    }));

test.after(() => model.dispose());
test.run();
