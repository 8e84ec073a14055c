// Every instruction set the kernels are built for, forced by BELLE_CPU_ISA, against the same reference values: float32
// at the tolerance of model.test.ts, bfloat16 by its error beside PyTorch's own bfloat16.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model } from "../../ts/index.ts";
import { binding } from "../../ts/native/load.ts";
import { withFolder } from "../support/folder.ts";
import { testWithShared } from "../support/shared.ts";
import { below, Goldens, maxError, models, normError, relative, rowOffsets } from "./golden.ts";

/** |g_bf16 - g_f64| / |g_f64| of each parameter, by PyTorch: scripts/oracle/bf16_gradient_errors.py. */
const pytorch = JSON.parse(readFileSync(join(import.meta.dirname, "bf16_gradient_errors.json"), "utf8")) as {
  models: Record<string, { loss: number; gradients: Record<string, number> }>;
};

const all = ["avx512bf16", "avx512", "avx2", "baseline"];
const usable = all.slice(all.indexOf(binding().cpu().isa));

async function forced<T>(isa: string, body: () => Promise<T>): Promise<T> {
  const before = process.env.BELLE_CPU_ISA;
  process.env.BELLE_CPU_ISA = isa;
  try {
    assert.is(binding().cpu().isa, isa);
    return await body();
  } finally {
    if (before === undefined) delete process.env.BELLE_CPU_ISA;
    else process.env.BELLE_CPU_ISA = before;
  }
}

function forward(model: Model, golden: Goldens) {
  const [rows = 0, tokens = 0] = golden.tensor("forward.input_ids").shape;
  const inputIds = golden.ids("forward.input_ids");
  const labels = golden.ids("forward.labels");
  return model.forward({ inputIds, cuSeqlens: rowOffsets(rows, tokens), labels }, { logits: true, gradients: true });
}

const test = suite("kernel variants");

for (const isa of usable) {
  for (const name of models) {
    testWithShared(test, `${isa}: ${name} in float32: logits, loss and every gradient`, async (shared) => {
      const golden = new Goldens(shared, name);
      const result = await forced(isa, async () => {
        using model = await Model.load(golden.folder);
        return forward(model, golden);
      });
      below(relative(result.loss!, golden.values.forward.loss), 1e-5, "loss");
      below(maxError(result.logits!, golden.floats("forward.logits")), 1e-4, "logits");
      for (const weight of golden.names("grad.")) {
        below(normError(result.gradients![weight]!, golden.floats(`grad.${weight}`)), 1e-4, `gradient of ${weight}`);
      }
    });

    testWithShared(test, `${isa}: ${name} in bfloat16: gradients within twice PyTorch's error`, async (shared) => {
      const golden = new Goldens(shared, name);
      await withFolder(async (dir) => {
        const rounded = join(dir, "rounded");
        const [exact, half] = await forced(isa, async () => {
          {
            using model = await Model.load(golden.folder);
            await model.save(rounded, { dtype: "bfloat16" });
          }
          // The same rounded weights in float32, whose own error is a thousand times smaller, are the reference.
          using wide = await Model.load(rounded);
          using narrow = await Model.load(rounded, { dtype: "bfloat16" });
          return [await forward(wide, golden), await forward(narrow, golden)];
        });
        below(relative(half.loss!, exact.loss!), 2e-3, "loss");
        const peer = pytorch.models[name]!.gradients;
        assert.equal(Object.keys(half.gradients!).sort(), Object.keys(peer).sort());
        let worst = 0;
        for (const [weight, error] of Object.entries(peer)) {
          const ours = normError(half.gradients![weight]!, exact.gradients![weight]!);
          worst = Math.max(worst, ours / error);
          below(ours, 2 * error, `gradient of ${weight}, PyTorch's error being ${error}`);
        }
        if (process.env.BELLE_FIGURES)
          console.log(`${isa} ${name}: worst gradient ${worst.toFixed(2)} x PyTorch's error`);
      });
    });
  }
}

test.run();
