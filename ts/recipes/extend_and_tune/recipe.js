// extend-and-tune: a BPE is trained and merged, the model gets the rows, its embeddings are pre-trained, it is
// fine-tuned, answers questions before and after, is scored, and one report tells the story.
import { join, resolve } from "node:path";
import { makeOutputFolder, sweepFolder } from "../../data/files.js";
import { clientFromConfig } from "../../judge/from_config.js";
import { mergeReportName } from "../../tokenizer/merge_report.js";
import { modelFingerprint } from "../../train/model_fingerprint.js";
import { StageRunner } from "../stage.js";
import { evaluateModel, questionsOf } from "./evaluation_stage.js";
import { extendedFolder, extendModel } from "./model_stage.js";
import { phaseOutputs, runPhase } from "./phase_stage.js";
import { writeReport } from "./report_stage.js";
import { extendTokenizer, fileFingerprint, tokenizerFolder, tokenizerInputs, } from "./tokenizer_stage.js";
/** Runs, or goes on with, the recipe; what is finished under output_dir and made from the same inputs is kept. */
export async function extendAndTune(given, options) {
    const config = { ...given, output_dir: resolve(given.output_dir) };
    const emit = options.onEvent ?? (() => { });
    // What the last stages need is looked at before the first: not after hours of training.
    await questionsOf(config);
    if (config.evaluation.by === "judge")
        clientFromConfig(config.evaluation.judge);
    makeOutputFolder(config.output_dir);
    sweepFolder(config.output_dir);
    const stages = config.answers.before ? 6 : 5;
    const runner = new StageRunner(config.output_dir, stages, options.signal, emit);
    const tokenizer = await makeTokenizer(config, runner);
    const model = await makeModel(config, runner, tokenizer);
    const pretrain = await makePhase(config, runner, "pretrain", model.folder, tokenizer.folder);
    const before = config.answers.before ? await makeEvaluation(config, runner, "before", pretrain.model) : undefined;
    const finetune = await makePhase(config, runner, "finetune", pretrain.model, tokenizer.folder);
    const after = await makeEvaluation(config, runner, "after", finetune.model);
    const result = { tokenizer, model, pretrain, finetune, before, after };
    const report = await writeReport(config, result, options.language);
    emit({ type: "report", path: report });
    return { ...result, report };
}
// Paths are taken from the configuration, never from a record: a run's folder may have been moved since.
async function makeTokenizer(config, runner) {
    const folder = tokenizerFolder(config);
    const outputs = [join(folder, "tokenizer.model"), join(folder, mergeReportName)];
    const stage = { name: "tokenizer", inputs: await tokenizerInputs(config, runner.signal), outputs };
    return { ...(await runner.run(stage, (context) => extendTokenizer(config, context))), folder };
}
async function makeModel(config, runner, tokenizer) {
    const { threads: _, path, ...model } = config.model;
    const weights = path === undefined ? null : await modelFingerprint(path, runner.signal);
    const { fingerprint, baseFingerprint } = tokenizer;
    const inputs = { model, seed: config.seed, tokenizer: fingerprint, base: baseFingerprint, weights };
    const folder = extendedFolder(config);
    const stage = { name: "extend", inputs, outputs: [join(folder, "MANIFEST.json")] };
    return { ...(await runner.run(stage, () => extendModel(config, tokenizer))), folder };
}
async function makePhase(config, runner, phase, from, tokenizer) {
    const { data, train } = config[phase];
    // When and how many checkpoints are written decides nothing: a run under way may be given others.
    const { save_steps: _, save_total_limit: __, peak_flops: ___, recompute: ____, ...deciding } = train;
    const paths = [...data.sources, ...data.eval_sources].map((source) => typeof source === "string" ? source : source.path);
    const files = [];
    for (const path of paths)
        files.push(await fileFingerprint(path, runner.signal));
    const { dtype } = config.model;
    const inputs = { data, train: deciding, dtype, files, from: await modelFingerprint(from, runner.signal) };
    const { folder, model, metrics } = phaseOutputs(config, phase);
    const outputs = [join(model, "MANIFEST.json"), metrics];
    const stage = { name: phase, inputs, outputs, resumesIn: folder };
    const result = await runner.run(stage, (context) => runPhase(config, phase, { model: from, tokenizer }, context));
    return { ...result, model, metrics };
}
async function makeEvaluation(config, runner, name, folder) {
    const { answers, evaluation, seed } = config;
    const template = config.finetune.data.template;
    const questions = await fileFingerprint(answers.questions, runner.signal);
    const inputs = {
        answers,
        evaluation,
        seed,
        template,
        questions,
        model: await modelFingerprint(folder, runner.signal),
    };
    return runner.run({ name, inputs, outputs: [] }, (context) => evaluateModel(config, name, folder, context));
}
