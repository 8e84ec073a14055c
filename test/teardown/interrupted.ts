// Trains until a signal stops it, as the command line does: run by interrupt.test.ts in a process of its own.
import { BelleError, Trainer } from "../../ts/index.ts";
import { tinyBatches, tinyModel } from "../unit/native_fixture.ts";

const controller = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort(signal));

const trainer = await Trainer.create({
  model: await tinyModel(),
  data: { batches: tinyBatches(4) },
  config: { max_steps: 1_000_000, save_steps: 0, output_dir: process.argv[2] },
});
const saved: string[] = [];
try {
  for await (const event of trainer.run({ signal: controller.signal })) {
    if (event.type === "step" && event.step === 5) process.send!("started");
    if (event.type === "checkpoint") saved.push(event.path);
  }
} catch (error) {
  if (!(error instanceof BelleError)) throw error;
  process.send!({ code: error.code, cause: error.cause, saved, step: trainer.step });
  process.disconnect();
}
