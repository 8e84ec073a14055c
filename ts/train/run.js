// One validated configuration -> a trained model: prepare the data, load or make the model, train, save.
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { normalizeSources } from "../config/data.js";
import { huggingFaceConfig } from "../config/model.js";
import { makeOutputFolder, sweepFolder } from "../data/files.js";
import { prepareData } from "../data/prepare.js";
import { createRecorder } from "../metrics/recorder.js";
import { Model } from "../model/model.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { refuseLongSamples, refuseMissingRows } from "./check_fit.js";
import { extendRows } from "./extend_rows.js";
import { startingPoint } from "./model_fingerprint.js";
import { saveModel } from "./save_model.js";
import { Trainer } from "./trainer.js";
/** Shards of the training and, where the configuration asks for it, the evaluation data, under `<output_dir>/data`. */
export async function prepareRunData(config, tokenizer, signal, report) {
    const { data, train } = config;
    const sources = normalizeSources(data.sources);
    const held = normalizeSources(data.eval_sources);
    const prepare = async (name, from, rows) => {
        const result = await prepareData({
            sources: from,
            output: join(train.output_dir, "data", name),
            tokenizer,
            maxLength: data.max_length ?? train.max_length,
            template: data.template,
            mode: data.mode,
            seed: data.seed,
            onBadLine: data.on_bad_line,
            cache: data.cache,
            rows,
        }, { ...(signal ? { signal } : {}), onProgress: (progress) => report({ type: "prepare", data: name, progress }) });
        report({ type: "data", data: name, result });
        return result;
    };
    const evaluation = held.length > 0
        ? await prepare("eval", held, {})
        : data.eval_head > 0
            ? await prepare("eval", sources, { take: data.eval_head })
            : undefined;
    return { train: await prepare("train", sources, { skip: data.eval_head }), evaluation };
}
/** Runs the configuration; continues from the newest checkpoint of output_dir. Events arrive in order. */
export async function trainingRun(config, signal, report) {
    const tokenizerPath = config.tokenizer?.path ?? config.model.path;
    const tokenizer = await Tokenizer.load(tokenizerPath);
    makeOutputFolder(config.train.output_dir);
    sweepFolder(config.train.output_dir);
    const data = await prepareRunData(config, tokenizer, signal, report);
    const extraFiles = await tokenizerFiles(config, tokenizer, tokenizerPath);
    const startsFrom = await startingPoint(config.model, tokenizer.fingerprint, signal);
    const model = await loadModel(config, tokenizer);
    try {
        const trainer = await Trainer.create({
            model,
            data: data.train.folder,
            ...(data.evaluation ? { evaluation: data.evaluation.folder } : {}),
            config: config.train,
            extraFiles,
            startsFrom,
        });
        let step = 0;
        try {
            report({
                type: "model",
                parameters: model.parameterCount,
                dtype: model.dtype,
                backend: model.backend,
                rows: model.vocabSize,
                plannedBytes: trainer.plannedBytes,
                totalSteps: trainer.totalSteps,
            });
            step = await runTrainer(trainer, config, signal, report);
        }
        finally {
            trainer.dispose();
        }
        const path = await saveModel(model, join(config.train.output_dir, "final"), extraFiles);
        report({ type: "saved", path });
        return { model: path, step };
    }
    finally {
        model.dispose();
    }
}
async function runTrainer(trainer, config, signal, report) {
    const { jsonl, tensorboard, dir } = config.metrics;
    let recorder;
    let step = 0;
    try {
        for await (const event of trainer.run({ resume: true, ...(signal ? { signal } : {}) })) {
            if (event.type !== "warning") {
                // The first numbered event tells where the run continues: a step event comes one step after it.
                recorder ??= createRecorder({
                    dir: dir ?? config.train.output_dir,
                    jsonl,
                    tensorboard,
                    resumedStep: event.type === "step" ? event.step - 1 : event.step,
                    onProblem: (message) => report({ type: "warning", message }),
                });
                recorder.record(event);
                step = event.step;
            }
            report(event);
        }
    }
    finally {
        recorder?.close();
    }
    return step;
}
async function loadModel(config, tokenizer) {
    const { path, create, resize, backend, threads, dtype } = config.model;
    const device = { threads, dtype, ...(backend ? { backend } : {}) };
    const model = create === undefined
        ? await Model.load(path, device)
        : await Model.create(huggingFaceConfig(create, tokenizer), { ...device, seed: config.train.seed });
    try {
        if (resize === undefined)
            refuseMissingRows(tokenizer.vocabSize, model.vocabSize);
        else {
            await extendRows(model, {
                pieces: tokenizer.vocabSize,
                multiple: resize.pad_to_multiple_of,
                init: resize.init,
                seed: config.train.seed,
                mergeReport: resize.sub_tokens,
            });
        }
        refuseLongSamples(config.data.max_length ?? config.train.max_length, model.maxPositionEmbeddings);
        return model;
    }
    catch (error) {
        model.dispose();
        throw error;
    }
}
/** Files copied into checkpoints: tokenizer.model under that name, and what transformers reads beside it. */
async function tokenizerFiles(config, tokenizer, path) {
    const isFolder = (await stat(path)).isDirectory();
    if (!isFolder && basename(path) === "tokenizer.model")
        return [path];
    if (!isFolder) {
        const copy = join(config.train.output_dir, "tokenizer.model");
        await tokenizer.save(copy);
        return [copy];
    }
    return ["tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"]
        .map((name) => join(path, name))
        .filter((file) => existsSync(file));
}
