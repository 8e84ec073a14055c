// The five reference models through the public surface: what transformers computes, in float32.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model } from "../../ts/index.ts";
import { testWithShared } from "../support/shared.ts";
import { below, Goldens, maxError, models, normError, relative, rowOffsets } from "./golden.ts";

const test = suite("model parity");

for (const name of models) {
  testWithShared(test, `${name}: forward logits, loss and every gradient`, async (shared) => {
    const golden = new Goldens(shared, name);
    using model = await Model.load(golden.folder);
    const [rows = 0, tokens = 0] = golden.tensor("forward.input_ids").shape;
    const result = await model.forward(
      {
        inputIds: golden.ids("forward.input_ids"),
        cuSeqlens: rowOffsets(rows, tokens),
        labels: golden.ids("forward.labels"),
      },
      { logits: true, gradients: true },
    );
    assert.is(result.supervisedTokens, golden.values.forward.supervised_tokens);
    below(relative(result.loss!, golden.values.forward.loss), 1e-5, "loss");
    below(maxError(result.logits!, golden.floats("forward.logits")), 1e-4, "logits");
    const names = golden.names("grad.");
    assert.equal(Object.keys(result.gradients!).sort(), names.sort());
    assert.equal(
      model
        .parameters()
        .map((parameter) => parameter.name)
        .sort(),
      names,
    );
    for (const weight of names) {
      below(normError(result.gradients![weight]!, golden.floats(`grad.${weight}`)), 1e-4, `gradient of ${weight}`);
    }
  });

  testWithShared(test, `${name}: five packed documents equal the same documents one by one`, async (shared) => {
    const golden = new Goldens(shared, name);
    using model = await Model.load(golden.folder);
    const inputIds = golden.ids("packed.input_ids");
    const labels = golden.ids("packed.labels");
    const cuSeqlens = golden.ids("packed.cu_seqlens");
    const packed = await model.forward({ inputIds, cuSeqlens, labels }, { logits: true, gradients: true });
    below(relative(packed.loss!, golden.values.packed.loss), 1e-5, "loss");
    below(maxError(packed.logits!, golden.floats("packed.logits")), 1e-4, "logits");
    for (const weight of golden.names("packed.grad.")) {
      const expected = golden.floats(`packed.grad.${weight}`);
      below(normError(packed.gradients![weight]!, expected), 1e-4, `gradient of ${weight}`);
    }
    for (let document = 0; document + 1 < cuSeqlens.length; document++) {
      const [from, to] = [cuSeqlens[document]!, cuSeqlens[document + 1]!];
      const alone = await model.forward({
        inputIds: inputIds.slice(from, to),
        cuSeqlens: Int32Array.of(0, to - from),
      });
      const inPack = packed.logits!.subarray(from * model.vocabSize, to * model.vocabSize);
      assert.ok(Buffer.from(alone.logits!.buffer).equals(Buffer.from(inPack.slice().buffer)), `document ${document}`);
    }
  });

  testWithShared(test, `${name}: log-likelihoods and 40 greedy tokens`, async (shared) => {
    const golden = new Goldens(shared, name);
    using model = await Model.load(golden.folder);
    const [rows = 0, tokens = 0] = golden.tensor("forward.input_ids").shape;
    const ids = golden.ids("forward.input_ids");
    const sums = await model.logLikelihood(
      Array.from({ length: rows }, (_, row) => Uint32Array.from(ids.subarray(row * tokens, (row + 1) * tokens))),
    );
    golden.values.sequence_nll.forEach((nll, row) => {
      below(relative(-sums[row]!, nll), 1e-5, `log-likelihood of row ${row}`);
    });
    const { prompts, greedy } = golden.values.generate;
    const streamed: number[][] = prompts.map(() => []);
    const answers = await model.generate(
      prompts.map((prompt) => Uint32Array.from(prompt)),
      { maxNewTokens: 40, stop: [], onToken: (prompt, token) => streamed[prompt]!.push(token) },
    );
    assert.equal(
      answers.map((answer) => [...answer]),
      greedy,
    );
    assert.equal(streamed, greedy, "every token is streamed, in order, before the promise settles");
  });
}

test.run();
