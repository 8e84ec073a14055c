// The run as one HTML file: tokens per line, losses, scores, answers before and after.
import { join } from "node:path";
import { categoryLabel } from "../../judge/classes.js";
import { metricCurve, readMetrics } from "../../metrics/read.js";
import { commitText } from "../../native/commit_text.js";
import { renderHtml } from "../../report/html.js";
import { reportText } from "./report_text.js";
const samplesPerCategory = 2;
/** Writes `<output_dir>/report.html` and returns its path. */
export async function writeReport(config, run, language) {
    const say = speaker(language);
    const report = {
        title: say("title"),
        subtitle: say("subtitle"),
        language,
        sections: [
            figures(run, say),
            ...vocabulary(run, say),
            ...(await lossCurves(run, say)),
            phases(run, say),
            ...scores(run, say, language),
            samples(run, say, language),
            {
                kind: "keyValues",
                title: say("run"),
                entries: [
                    [say("parameters"), run.model.parameters.toLocaleString("en")],
                    [say("model"), run.finetune.model],
                    [say("output"), config.output_dir],
                ],
            },
        ],
    };
    const path = join(config.output_dir, "report.html");
    await commitText(path, renderHtml(report));
    return path;
}
function speaker(language) {
    return (key, values = {}) => Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, String(value)), reportText[key][language]);
}
const number = (value, digits) => value === undefined ? undefined : { value, digits };
const left = (label) => ({ label, align: "left" });
const right = (label) => ({ label, align: "right" });
function macroOf(evaluation) {
    return evaluation?.summary.averages.macros[0]?.mean;
}
function figures(run, say) {
    const list = [];
    const change = (label, before, after, digits) => {
        if (after === undefined)
            return;
        const note = before === undefined
            ? {}
            : { note: say("wasNow", { before: before.toFixed(digits), after: after.toFixed(digits) }) };
        list.push({ label, value: after.toFixed(digits), ...note });
    };
    const held = run.tokenizer.heldOut;
    if (held !== undefined) {
        change(say("tokensPerLine"), held.tokensBefore / held.lines, held.tokensAfter / held.lines, 1);
    }
    change(say("pretrainLoss"), run.pretrain.heldOutBefore, run.pretrain.heldOutAfter, 3);
    change(say("finetuneLoss"), run.finetune.heldOutBefore, run.finetune.heldOutAfter, 3);
    change(say("macro"), macroOf(run.before), macroOf(run.after), 3);
    return { kind: "figures", figures: list };
}
function vocabulary(run, say) {
    const { baseRows, rows, shared, deadOld, deadNew, heldOut } = run.tokenizer;
    const note = say("rowsNote", {
        base: baseRows,
        added: rows - baseRows,
        rows,
        shared,
        dead_old: deadOld,
        dead_new: deadNew,
    });
    const table = [[say("rows"), number(baseRows, 0), number(rows, 0)]];
    if (heldOut !== undefined) {
        const { lines, characters, tokensBefore, tokensAfter } = heldOut;
        table.push([say("lines"), number(lines, 0), number(lines, 0)], [say("tokens"), number(tokensBefore, 0), number(tokensAfter, 0)], [say("tokensPerLine"), number(tokensBefore / lines, 2), number(tokensAfter / lines, 2)], [say("charactersPerToken"), number(characters / tokensBefore, 3), number(characters / tokensAfter, 3)]);
    }
    const columns = [left(say("measure")), right(say("before")), right(say("after"))];
    return [{ kind: "table", title: say("tokenizer"), table: { columns, rows: table }, note }];
}
async function lossCurves(run, say) {
    const points = (list) => list.map(([x, y]) => ({ x, y }));
    return Promise.all(["pretrain", "finetune"].map(async (phase) => {
        const rows = await readMetrics(run[phase].metrics);
        const series = [
            { label: say("trained"), points: points(metricCurve(rows, "step", "loss")) },
            { label: say("heldOut"), points: points(metricCurve(rows, "eval", "loss")) },
        ];
        const chart = { kind: "line", series, xLabel: say("step"), yLabel: say("loss"), yLog: true };
        return { kind: "chart", title: say("curves", { phase: say(phase) }), chart };
    }));
}
function phases(run, say) {
    const row = (name, phase) => [
        say(name),
        say(phase.trainable),
        number(phase.samples, 0),
        number(phase.trainTokens, 0),
        number(phase.steps, 0),
        number(phase.heldOutBefore, 4),
        number(phase.heldOutAfter, 4),
    ];
    const columns = [
        left(say("phase")),
        left(say("trainable")),
        ...["samples", "tokens", "steps", "lossBefore", "lossAfter"].map((key) => right(say(key))),
    ];
    return {
        kind: "table",
        title: say("phases"),
        table: { columns, rows: [row("pretrain", run.pretrain), row("finetune", run.finetune)] },
    };
}
function scores(run, say, language) {
    const by = run.after.summary.scored_by;
    const note = by.kind === "rules" ? say("byRules") : say("byJudge", { judge: by.protocol.model });
    const evaluations = [
        ...(run.before === undefined ? [] : [{ label: say("before"), averages: run.before.summary.averages }]),
        { label: say("after"), averages: run.after.summary.averages },
    ];
    const categories = run.after.summary.averages.categories;
    const named = categories.map(({ id }) => categoryLabel(id, language));
    const find = (averages, id) => averages.categories.find((category) => category.id === id) ?? averages.macros.find((macro) => macro.id === id);
    const rows = categories.map(({ id, items }, k) => [
        named[k],
        number(items, 0),
        ...evaluations.map(({ averages }) => number(find(averages, id)?.mean, 3)),
    ]);
    for (const { id } of run.after.summary.averages.macros) {
        const label = id in reportText ? say(id) : id;
        rows.push([label, undefined, ...evaluations.map(({ averages }) => number(find(averages, id)?.mean, 3))]);
    }
    const columns = [left(say("category")), right(say("items")), ...evaluations.map(({ label }) => right(label))];
    return [
        {
            kind: "chart",
            title: say("scores"),
            note,
            chart: {
                kind: "bars",
                categories: named,
                yLabel: say("score"),
                yRange: [0, 1],
                series: evaluations.map(({ label, averages }) => ({
                    label,
                    values: categories.map(({ id }) => {
                        const found = find(averages, id);
                        return found?.mean === undefined || !Number.isFinite(found.mean)
                            ? undefined
                            : { value: found.mean, ...(found.interval === undefined ? {} : { interval: found.interval }) };
                    }),
                })),
            },
        },
        { kind: "table", title: say("score"), table: { columns, rows } },
    ];
}
/** The first questions of each category, with both answers. */
function samples(run, say, language) {
    const before = new Map(run.before?.scores.map((row) => [row.id, row]));
    const seen = new Map();
    const chosen = run.after.scores.filter((row) => {
        const count = (seen.get(row.class) ?? 0) + 1;
        seen.set(row.class, count);
        return count <= samplesPerCategory;
    });
    const answer = (label, row) => ({
        label,
        text: row.answer,
        ...(row.score === null ? {} : { verdict: row.score.toFixed(2), passed: row.score >= 0.5 }),
    });
    return {
        kind: "samples",
        title: say("answers"),
        samples: chosen.map((row) => {
            const earlier = before.get(row.id);
            return {
                labels: [categoryLabel(row.class, language)],
                question: row.question,
                gold: row.gold,
                answers: [...(earlier === undefined ? [] : [answer(say("before"), earlier)]), answer(say("after"), row)],
            };
        }),
    };
}
