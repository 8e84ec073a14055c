// The public surface: its names, and that a library user gets along with what is exported.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as belle from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("index");

// Stable: adding a name is one line here, taking one away breaks someone's program.
const names = `
  BelleError ChatClient Journal Model Tokenizer Trainer
  averageScores benchKernel clientFromConfig createRecorder dataStats encodeSegments errorCodes estimateJudge evalReport evaluateByJudge
  evaluateByRules exportTokenizer extendAndTune extendAndTuneSchema generateAnswers groupConversations groupTexts judge judgeSchema loadConfig loadEvalSet
  localGenerator mergeVocabulary metricCurve nineCategoryScheme pairedDifference parseConfig parseScore planTraining prepareData
  quickstart readAnswers readMetrics readScores readSummary runPlanOptions runSchema sampleStratified schemeOfClasses scoreByRule
  scoresTable templates toSegments tokenizerStats trainBpe trainingRun twelveUseCaseScheme writeEvaluation writeReport
`;

test("the names", () => {
  assert.equal(Object.keys(belle).sort(), names.trim().split(/\s+/).sort());
});

test("from text to a trained model with nothing but the public surface", () =>
  withFolder(async (folder) => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "今天天气很好\n今天我们去学校\n学校的天气也很好\n".repeat(10));
    const tokenizer = await belle.trainBpe({
      files: [text],
      vocab_size: 280,
      byte_fallback: true,
      character_coverage: 1,
    });
    const data = await belle.prepareData({ sources: [text], output: join(folder, "data"), tokenizer, maxLength: 32 });
    assert.equal([data.manifest.samples, data.manifest.sources[0]!.format], [30, "text"]);
    assert.is((await belle.dataStats(text, { tokenizer })).tokens, data.manifest.tokens);
    using model = await belle.Model.create({ ...tinyConfig, vocab_size: 280 }, { seed: 1, threads: 1 });
    using trainer = await belle.Trainer.create({
      model,
      data: data.folder,
      config: { max_steps: 3, learning_rate: 1e-2 },
    });
    const losses: number[] = [];
    for await (const event of trainer.run()) if (event.type === "step") losses.push(event.loss);
    assert.is(losses.length, 3);
    assert.ok(losses[2]! < losses[0]!, losses.join());
  }));

const wrong: Array<[more: object, said: RegExp]> = [
  [{ maxLength: 1 }, /^maxLength must be a whole number from 2 to 1048576, not 1\.$/],
  [{ seed: -1 }, /^seed must be a whole number/],
  [{ rows: { take: 0.5 } }, /^rows\.take must be a whole number/],
  [{ mode: "sft" }, /^mode must be one of belle, belle-compat, not sft\.$/],
  [{ template: "constructor" }, /^template must be one of belle, not constructor\.$/],
  [{ sources: ["a", { path: "b", formt: "text" }] }, /^sources\.1\.formt: .*format/],
];

for (const [more, said] of wrong)
  test(`prepareData refuses ${JSON.stringify(more)}`, () =>
    withFolder(async (folder) => {
      const tokenizer = await belle.trainBpe({ sentences: ["一"], vocab_size: 262, byte_fallback: true });
      const options = { sources: ["a"], output: join(folder, "data"), tokenizer, maxLength: 8, ...more };
      await fails(
        () => belle.prepareData(options as Parameters<typeof belle.prepareData>[0]),
        "ERR_BELLE_INVALID_ARGUMENT",
        said,
      );
    }).then(() => undefined));

test.run();
