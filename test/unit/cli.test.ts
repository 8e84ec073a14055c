import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type CommandEntry, defineCommand } from "../../ts/cli/command.ts";
import { commands, groups } from "../../ts/cli/commands.ts";
import { helpText, languageOf } from "../../ts/cli/program.ts";
import { frameText } from "../../ts/cli/text.ts";
import { createProgress, displayWidth, formatCount, formatSeconds } from "../../ts/cli/ui/progress.ts";
import { describe } from "../../ts/cli/ui/table.ts";
import { BelleError, type BelleErrorCode } from "../../ts/native/errors.ts";
import { runCommand } from "../support/run_command.ts";

const test = suite("cli");

const han = /\p{Script=Han}/u;

const run = (argv: string[], table?: readonly CommandEntry[], signal?: AbortSignal) =>
  runCommand(argv, { ...(table && { table }), ...(signal && { signal }) });

function entry(run: () => Promise<number | undefined>, resumable = false): CommandEntry[] {
  const command = defineCommand({
    resumable,
    options: { count: { type: "number", text: { en: "a number", zh: "数字" } } },
    run,
  });
  return [{ name: "probe", summary: { en: "probe", zh: "探针" }, load: async () => ({ command }) }];
}

test("every sentence of the frame exists in both languages", () => {
  for (const [name, text] of Object.entries({ ...frameText, ...groups })) {
    assert.ok(text.en.length > 0 && !han.test(text.en), name);
    assert.match(text.zh, han, name);
  }
});

test("every command is described in both languages, and its usage matches its positionals", async () => {
  for (const { name, summary, usage = "", load } of commands) {
    const { command } = await load();
    const declared = Object.entries(command.positionals).map(([key, spec]) => {
      const inner = `${key}${spec.type === "strings" ? ".." : ""}`;
      return spec.required ? `<${inner}>` : `[${inner}]`;
    });
    assert.is(usage, declared.join(" "), `usage of ${name}`);
    const texts = [summary, ...Object.values(command.options), ...Object.values(command.positionals)].map((spec) =>
      "text" in spec ? spec.text : spec,
    );
    for (const text of [...texts, ...command.examples.map(([, text]) => text)]) {
      assert.ok(text.en.length > 0 && !han.test(text.en), `${name}: ${text.en}`);
      assert.match(text.zh, han, `${name}: ${text.en}`);
    }
  }
});

test("--help of each command names its options, in both languages", async () => {
  for (const { name, summary, load } of commands) {
    const { command } = await load();
    for (const language of ["en", "zh"] as const) {
      const help = (await helpText(name.split(" "), language)).replace(/\s+/g, " ");
      assert.match(help, summary[language].replace(/\s+/g, " "));
      assert.match(help, `belle-train ${name}`);
      assert.match(help, language === "zh" ? "通用选项" : "Common options");
      for (const [option, spec] of Object.entries(command.options)) {
        assert.match(help, `--${option}`, name);
        assert.match(help, spec.text[language].slice(0, 12), `${name} --${option}`);
      }
    }
  }
});

test("the overview lists every command and group", async () => {
  for (const language of ["en", "zh"] as const) {
    const help = await helpText([], language);
    for (const { name } of commands) assert.match(help, `belle-train ${name.split(" ")[0]}`);
    assert.match(help, frameText.epilogue[language].slice(0, 10));
  }
});

test("--lang wins over the environment", () => {
  assert.is(languageOf(["doctor", "--lang", "zh"], { LANG: "en_US" }), "zh");
  assert.is(languageOf(["--lang=en"], { BELLE_LANG: "zh" }), "en");
  assert.is(languageOf(["doctor"], { LANG: "zh_CN.UTF-8" }), "zh");
  assert.is(languageOf(["--lang", "fr"], {}), "en");
});

test("wrong usage exits 2, suggests, and points at the help", async () => {
  const typo = await run(["docto"]);
  assert.equal([typo.code, typo.out], [2, ""]);
  assert.match(typo.err, "Did you mean doctor?\nSee: belle-train --help");
  assert.match((await run(["data", "prepar"])).err, "Did you mean prepare?\nSee: belle-train data --help");
  assert.match((await run(["config", "print"])).err, "See: belle-train config print --help");
  assert.match((await run(["doctor", "--jsn"])).err, "Unknown argument: jsn");
  assert.match((await run([])).err, "Name a command.");
  assert.match((await run(["--lang", "zh"])).err, "请给出命令。");
  assert.is((await run(["config", "print", "/none.yaml"])).code, 2);
});

test("each kind of error has its exit code, one sentence on stderr, and nothing on stdout", async () => {
  const codes: Array<[BelleErrorCode, number]> = [
    ["ERR_BELLE_USAGE", 2],
    ["ERR_BELLE_CONFIG", 2],
    ["ERR_BELLE_INVALID_DATA", 1],
    ["ERR_BELLE_NOT_FOUND", 1],
    ["ERR_BELLE_ENVIRONMENT", 3],
    ["ERR_BELLE_NATIVE_LOAD", 3],
    ["ERR_BELLE_ABORTED", 130],
  ];
  for (const [code, exit] of codes) {
    const table = entry(() => Promise.reject(new BelleError(code, "x.yaml:1:2 what: how to mend.")));
    const { code: got, out, err } = await run(["probe"], table);
    assert.equal([got, out], [exit, ""], code);
    assert.match(err, code === "ERR_BELLE_ABORTED" ? "Interrupted." : "x.yaml:1:2 what: how to mend.");
    assert.not.match(err, "at ");
  }
  const bug = await run(
    ["probe"],
    entry(() => Promise.reject(new TypeError("boom"))),
  );
  assert.is(bug.code, 1);
  assert.match(bug.err, /TypeError: boom\n[\s\S]*This is a bug in belle-train/);
});

test("--json puts the error on stdout as one object", async () => {
  const table = entry(() => Promise.reject(new BelleError("ERR_BELLE_CONFIG", "bad", { details: { line: 3 } })));
  const { out } = await run(["probe", "--json"], table);
  assert.equal(JSON.parse(out), { error: { code: "ERR_BELLE_CONFIG", message: "bad", details: { line: 3 } } });
});

test("a resumable command stopped by SIGTERM exits 75, by SIGINT 130", async () => {
  for (const [signal, resumable, exit] of [
    ["SIGTERM", true, 75],
    ["SIGINT", true, 130],
    ["SIGTERM", false, 130],
  ] as const) {
    const controller = new AbortController();
    const table = entry(() => {
      controller.abort(signal);
      return Promise.reject(new BelleError("ERR_BELLE_ABORTED", "stopped"));
    }, resumable);
    const { code, err } = await run(["probe"], table, controller.signal);
    assert.is(code, exit);
    assert.match(err, resumable ? "Run the same command again" : "Interrupted.");
  }
});

test("a command's own exit code is kept", async () => {
  assert.is(
    (
      await run(
        ["probe"],
        entry(async () => 3),
      )
    ).code,
    3,
  );
  assert.is(
    (
      await run(
        ["probe"],
        entry(async () => undefined),
      )
    ).code,
    0,
  );
});

test("--version prints the package's version", async () => {
  const { code, out } = await run(["--version"]);
  assert.is(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

function progressProbe(isTerminal: boolean, columns = 80) {
  let time = 0;
  let written = "";
  const progress = createProgress({
    label: "train",
    language: "en",
    write: (text) => {
      written += text;
    },
    isTerminal,
    columns,
    now: () => time,
  });
  return {
    progress,
    at: (ms: number) => {
      time = ms;
    },
    take: () => {
      const text = written;
      written = "";
      return text;
    },
  };
}

test("progress redraws one line on a terminal, ten times a second at most", () => {
  const { progress, at, take } = progressProbe(true);
  progress.update({ done: 0, total: 100, unit: "steps" });
  assert.is(take(), "\r\u001b[Ktrain  0/100 steps (0%)");
  at(50);
  progress.update({ done: 1, total: 100, unit: "steps" });
  assert.is(take(), "");
  at(10_000);
  progress.update({ done: 50, total: 100, unit: "steps", fields: { loss: "2.1000" } });
  assert.is(take(), "\r\u001b[Ktrain  50/100 steps (50%)  5.00/s  loss 2.1000  0:10 left");
  progress.finish();
  assert.is(take(), "\r\u001b[K");
});

test("progress is a line every five seconds elsewhere, and the last state at the end", () => {
  const { progress, at, take } = progressProbe(false);
  for (let ms = 0; ms <= 12_000; ms += 1000) {
    at(ms);
    progress.update({ done: ms / 1000, total: 20 });
  }
  assert.equal(take().match(/\d+\/20/g), ["5/20", "10/20"]);
  progress.finish();
  assert.match(take(), "12/20 (60%)");
});

test("a resumed run's rate counts from where it resumed", () => {
  const { progress, at, take } = progressProbe(true);
  progress.update({ done: 900, total: 1000 });
  at(10_000);
  take();
  progress.update({ done: 910, total: 1000 });
  assert.match(take(), "1.00/s  1:30 left");
});

test("progress is cut to the terminal's width, Chinese counted as two columns", () => {
  assert.is(displayWidth("a你，b"), 6);
  const { progress, take } = progressProbe(true, 12);
  progress.update({ done: 1, total: 2, unit: "步步步" });
  assert.is(displayWidth(take().replace("\r\u001b[K", "")) <= 11, true);
  assert.is(
    describe([
      ["a", "1"],
      ["你好", "2"],
    ]),
    "a     1\n你好  2\n",
  );
});

test("numbers for humans", () => {
  assert.equal([9999, 10_000, 1_500_000, 2e9].map(formatCount), ["9999", "10.0k", "1.50M", "2.00G"]);
  assert.equal([0, 61, 3661].map(formatSeconds), ["0:00", "1:01", "1:01:01"]);
});

test.run();
