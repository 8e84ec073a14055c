// The documentation against the program: commands, options, YAML, library examples, error codes, links.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { generatedPages } from "../../scripts/generate-docs.ts";
import { commands } from "../../ts/cli/commands.ts";
import { userDocuments } from "../../ts/cli/documents.ts";
import { exitCodes, reportFailure } from "../../ts/cli/failure.ts";
import { parseConfig } from "../../ts/config/load.ts";
import { planTraining } from "../../ts/index.ts";
import { BelleError, type BelleErrorCode, errorCodes } from "../../ts/native/errors.ts";
import { withFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";

const test = suite("docs");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const pages = [
  ...["README.md", "README.zh-CN.md", "SECURITY.md", "CONTRIBUTING.md"],
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

interface Block {
  page: string;
  language: string;
  text: string;
}

function blocksOf(page: string): Block[] {
  return [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    page,
    language,
    text,
  }));
}

const blocks = (language: string) => pages.flatMap(blocksOf).filter((block) => block.language === language);

/** Lines of a page outside its code blocks. */
function proseOf(page: string): string[] {
  return read(page)
    .replace(/^```[\s\S]*?^```$/gm, "")
    .split("\n");
}

interface CommandLine {
  page: string;
  line: string;
  words: string[];
}

/** Every `belle-train …` of the shell examples, cut at comments, pipes and &&. */
function commandLines(): CommandLine[] {
  return blocks("sh").flatMap(({ page, text }) =>
    text.split("\n").flatMap((line) =>
      line
        .replace(/\s#.*$/, "")
        .split(/&&|\||;/)
        .map((part) => part.trim().replace(/^npx /, ""))
        .filter((part) => part.startsWith("belle-train "))
        .map((part) => ({ page, line: part, words: part.split(/\s+/).slice(1) })),
    ),
  );
}

function entryOf({ page, line, words }: CommandLine) {
  const entry = commands.find(({ name }) => name === words.slice(0, 2).join(" ") || name === words[0]);
  assert.ok(entry, `${page}: no such command: ${line}`);
  return entry;
}

test("the generated pages are what the program says now (node --import tsx scripts/generate-docs.ts)", async () => {
  for (const [path, text] of Object.entries(await generatedPages())) {
    assert.ok(read(path) === text, `${path} is out of date; run: node --import tsx scripts/generate-docs.ts`);
  }
});

test("every key of every document has a meaning in both references", () => {
  for (const path of ["docs/config.md", "docs/config.zh-CN.md"]) {
    const rows = read(path)
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    assert.ok(rows.length > 250, `${path} has ${rows.length} rows`);
    for (const row of rows) assert.not.match(row, /\|\s*\|$/, `${path}: ${row}`);
    for (const name of Object.keys(userDocuments)) assert.match(read(path), `\n## ${name}\n`);
  }
});

test("shell examples use commands and options that exist", async () => {
  const lines = commandLines();
  assert.ok(lines.length > 15, `${lines.length} command lines found`);
  for (const given of lines) {
    const { command } = await entryOf(given).load();
    const known = [...Object.keys(command.options), "json", "quiet", "lang", "help", "version"];
    for (const word of given.words.filter((each) => each.startsWith("--"))) {
      const name = word.slice(2).split("=")[0]!;
      assert.ok(known.includes(name), `${given.page}: ${given.line}: no option --${name}`);
    }
    for (const [name, { required }] of Object.entries(command.options)) {
      if (required) assert.match(given.line, `--${name}`, given.page);
    }
  }
});

test("inline mentions of commands name commands that exist", () => {
  const names = new Set(commands.flatMap(({ name }) => [name, name.split(" ")[0]!]));
  for (const page of pages) {
    for (const [, first = "", second] of proseOf(page)
      .join("\n")
      .matchAll(/`(?:npx )?belle-train ([a-z]+)(?: ([a-z]+))?/g)) {
      assert.ok(names.has(first) || names.has(`${first} ${second}`), `${page}: belle-train ${first} ${second ?? ""}`);
    }
  }
});

test("the README's two commands, and npm scripts and files the examples run, exist", () => {
  const manifest = JSON.parse(read("package.json")) as {
    scripts: Record<string, string>;
    bin: Record<string, string>;
    engines: { node: string };
  };
  for (const readme of ["README.md", "README.zh-CN.md"]) {
    const [first, second] = blocksOf(readme).filter(({ language }) => language === "sh");
    assert.is(first!.text.trim(), "npm ci && npm run quickstart");
    assert.is(second!.text.trim(), "npm test");
  }
  assert.is(manifest.bin["belle-train"], "dist/cli/main.js");
  assert.ok(manifest.scripts.prepare, "npm ci builds through prepare");
  assert.match(read("README.md"), `Node ${manifest.engines.node.replace(/^>=|\.0$/g, "")} or later`);
  assert.match(
    read("README.md"),
    `CMake ${/cmake_minimum_required\(VERSION ([\d.]+)/.exec(read("CMakeLists.txt"))![1]}`,
  );
  for (const { page, text } of blocks("sh")) {
    for (const [, name] of text.matchAll(/npm run ([\w:]+)/g))
      assert.ok(manifest.scripts[name!], `${page}: npm run ${name}`);
  }
  for (const page of pages) {
    for (const [, path] of read(page).matchAll(/`((?:scripts|assets|native|ts|test|docs)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(join(root, path!)), `${page} names ${path}`);
    }
  }
});

/** The document a YAML example is, by its keys. */
function documentOf(text: string): string {
  const value = parse(text) as Record<string, unknown>;
  if (typeof value.recipe === "string") return value.recipe;
  if ("data" in value) return "run";
  if ("vocab_size" in value) return "tokenizer-train";
  if ("base_url" in value) return "judge";
  return "unknown";
}

test("YAML examples validate, and show more than one kind of file", () => {
  const seen = new Set<string>();
  for (const { page, text } of blocks("yaml")) {
    const name = documentOf(text);
    assert.ok(userDocuments[name], `${page}: no document has these keys:\n${text}`);
    parseConfig(text, page, userDocuments[name], { language: "en" });
    seen.add(name);
  }
  assert.equal([...seen].sort(), ["extend-and-tune", "judge", "run", "tokenizer-train"]);
});

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

function headingsOf(page: string): Array<{ level: number; text: string }> {
  return proseOf(page).flatMap((line) => {
    const match = /^(#+) (.+)$/.exec(line);
    return match === null ? [] : [{ level: match[1]!.length, text: match[2]! }];
  });
}

test("links lead somewhere, anchors included", () => {
  let links = 0;
  for (const page of pages) {
    for (const [, target = ""] of proseOf(page)
      .join("\n")
      .matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      links++;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      assert.ok(existsSync(join(root, file)), `${page} links to ${target}`);
      if (anchor === undefined || !statSync(join(root, file)).isFile()) continue;
      const anchors = headingsOf(file).map(({ text }) => anchorOf(text));
      assert.ok(anchors.includes(anchor), `${page} links to ${target}; ${file} has ${anchors.join(", ")}`);
    }
  }
  assert.ok(links > 40, `${links} links found`);
});

/** What a page and its translation must share. Anchors differ, and so do comments and texts in code. */
function shapeOf(page: string) {
  const plain = (target: string) => target.replace(".zh-CN", "").replace(/#.*/, "");
  return {
    headings: headingsOf(page).map(({ level }) => level),
    cells: proseOf(page)
      .filter((line) => line.startsWith("|"))
      .map((line) => line.replaceAll("\\|", "").split("|").length),
    items: proseOf(page).filter((line) => /^(- |\d+\. )/.test(line)).length,
    links: [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => plain(target)),
    code: blocksOf(page).flatMap(({ language, text }) => {
      if (language === "text") return [language];
      if (language === "ts") return [language, text.replace(/\/\/.*$/gm, "").replace(/`[^`]*`/g, "``")];
      return [language, text.replace(/\s+#.*$/gm, "")];
    }),
  };
}

test("every row of a table has as many cells as its head", () => {
  let rows = 0;
  for (const page of pages) {
    let cells = 0;
    for (const line of proseOf(page)) {
      const found = line.startsWith("|") ? line.replaceAll("\\|", "").split("|").length : 0;
      if (cells > 0 && found > 0) assert.is(found, cells, `${page}: ${line}`);
      cells = found;
      rows += found > 0 ? 1 : 0;
    }
  }
  assert.ok(rows > 200, `${rows} rows found`);
});

test("a translated page has the headings, tables, code and links of the English one", () => {
  const translated = pages.filter((page) => page.endsWith(".zh-CN.md"));
  assert.ok(translated.length >= 10, translated.join());
  for (const page of translated) {
    const english = page.replace(".zh-CN", "");
    assert.equal(shapeOf(page), shapeOf(english), page);
    assert.match(read(page), /\p{Script=Han}/u);
    for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s#]+\.md)/g)) {
      const chinese = join(dirname(page), target.replace(/\.md$/, ".zh-CN.md"));
      const toItself = join(dirname(page), target) === english;
      assert.ok(
        toItself || target.includes(".zh-CN") || !existsSync(join(root, chinese)),
        `${page}: ${target} has a translation`,
      );
    }
  }
});

/** The exit code of the command line for an error. */
function exitCodeOf(code: BelleErrorCode, stoppedBy?: NodeJS.Signals): number {
  const streams = { out: () => {}, err: () => {}, errIsTerminal: false, columns: 80 };
  const options = { streams, language: "en" as const, json: false, command: "train", resumable: true, stoppedBy };
  return reportFailure(new BelleError(code, "x"), options);
}

test("the pages of errors list every code with its meaning and exit code, and every exit code", () => {
  for (const path of ["docs/errors.md", "docs/errors.zh-CN.md"]) {
    const page = read(path);
    const rows = [...page.matchAll(/^\| `(ERR_BELLE_\w+)` \| (.*) \| (.*) \|$/gm)];
    const wanted = Object.entries(errorCodes);
    assert.equal(
      rows.map(([, code]) => code),
      wanted.map(([code]) => code),
    );
    if (!path.includes("zh"))
      assert.equal(
        rows.map(([, , meaning]) => meaning),
        wanted.map(([, meaning]) => meaning),
      );
    for (const [, code, , exit = ""] of rows) {
      assert.is(Number.parseInt(exit, 10), exitCodeOf(code as BelleErrorCode), code);
    }
    const listed = [...page.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code));
    assert.equal(listed, Object.values(exitCodes));
  }
  assert.is(exitCodeOf("ERR_BELLE_ABORTED", "SIGTERM"), 75);
});

test("docs/errors.md names the commands that can resume", async () => {
  const resumable: string[] = [];
  for (const { name, load } of commands) if ((await load()).command.resumable) resumable.push(name);
  const sentence = /Commands that can resume: (.*?)\./.exec(read("docs/errors.md"))?.[1] ?? "";
  const named = [...sentence.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
  assert.equal(named.sort(), resumable.sort());
});

test("the planned memory of docs/training.md follows from its formula, and is what the program plans", async () => {
  const [d, heads, keys, h, layers] = [128, 4, 4, 32, 4] as const;
  const w = (heads + 2 * keys) * h;
  const mebibytes = ["docs/training.md", "docs/training.zh-CN.md"].map((page) =>
    Number(/^\| logits.*?(\d+) MiB/m.exec(read(page))?.[1]),
  );
  const chunkRows = (s: 2 | 4, rows: number, tokens: number) => {
    const fitting = Math.floor((mebibytes[0]! * 2 ** 20) / (s * rows * 16)) * 16;
    return Math.min(1024, Math.max(16, fitting), Math.ceil(tokens / 16) * 16);
  };
  const total = (s: 2 | 4, f: number, rows: number, tokens: number) => {
    const parameters = 2 * rows * d + layers * (d * w + heads * h * d + 3 * d * f + 2 * d) + d;
    const weights = (s + (s === 2 ? 2 : 0) + 4 + 8) * parameters;
    const kept = tokens * layers * (s * (2 * d + heads * h + w + 2 * f) + 4 * (heads + 2)) + tokens * (2 * s * d + 20);
    const working = s * tokens * (3 * d + Math.max(2 * f, w + heads * h));
    return weights + kept + working + s * rows * chunkRows(s, rows, tokens) + 12 * tokens + 4 + 8 * tokens;
  };
  const planned = async (s: 2 | 4, f: number, rows: number, tokens: number, recompute?: "none" | "layer") => {
    const config = {
      model_type: "llama",
      vocab_size: rows,
      hidden_size: d,
      intermediate_size: f,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: keys,
      max_position_embeddings: tokens,
      rms_norm_eps: 1e-6,
      hidden_act: "silu",
      tie_word_embeddings: false,
    };
    const train = { max_length: tokens, ...(recompute ? { recompute } : {}) };
    const { memory } = await planTraining({ config, dtype: s === 4 ? "float32" : "bfloat16", train, measure: false });
    const bytes = (name: string) => memory.items.find((item) => item.name === name)!.bytes;
    return {
      run: memory.totalBytes - bytes("process"),
      kept: bytes("saved_activations"),
      logits: bytes("logits_chunk"),
    };
  };
  const [f, rows, tokens] = [344, 2064, 1024] as const;
  assert.is(mebibytes[0], mebibytes[1]);
  for (const s of [2, 4] as const) {
    assert.is((await planned(s, f, rows, tokens)).run, total(s, f, rows, tokens));
    // The other side of the maximum: an MLP no wider than half the attention.
    assert.ok(2 * 192 < w + heads * h && 2 * f > w + heads * h);
    assert.is((await planned(s, 192, rows, tokens)).run, total(s, 192, rows, tokens));
    // Rows of logits: as many as the pages say fit; the fewest; all tokens, rounded up.
    for (const [vocabulary, length] of [
      [32_000, 1024],
      [2 ** 20, 512],
      [2064, 1000],
    ] as const)
      assert.is(
        (await planned(s, f, vocabulary, length)).logits,
        s * vocabulary * chunkRows(s, vocabulary, length),
        `${vocabulary} rows, ${length} tokens`,
      );
  }
  const { kept } = await planned(4, f, rows, tokens);
  assert.is((await planned(4, f, rows, tokens, "none")).kept - kept, 4 * tokens * layers * (2 * d + f));
  assert.is((await planned(4, f, rows, tokens, "layer")).kept, 4 * tokens * layers * d + tokens * (8 * d + 20));
  for (const page of ["docs/training.md", "docs/training.zh-CN.md"])
    assert.match(read(page), total(4, f, rows, tokens).toLocaleString("en"));
});

test("library examples type-check and run", () =>
  withFolder((folder) => {
    const files = blocks("ts").map(({ text }, i) => {
      const file = join(folder, `example${i}.mts`);
      writeFileSync(file, text.replaceAll('"belle-train"', JSON.stringify(join(root, "ts/index.ts"))));
      return file;
    });
    assert.is(files.length, 4);
    const compilerOptions = {
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      typeRoots: [join(root, "node_modules/@types")],
    };
    const config = join(folder, "tsconfig.json");
    writeFileSync(
      config,
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }),
    );
    const run = (args: string[]) =>
      execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    try {
      run([join(root, "node_modules/typescript/bin/tsc"), "-p", config]);
    } catch (error) {
      assert.unreachable(`the examples do not type-check:\n${(error as { stdout: string }).stdout}`);
    }
    const outputs = files.map((file) => run(["--import", "tsx", file]));
    for (const output of outputs.slice(0, 2)) {
      const losses = [...output.matchAll(/(?:loss|损失) ([\d.]+)/g)].map(([, loss]) => Number(loss));
      assert.is(losses.length, 20, output);
      assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `the loss falls: ${losses.join(" ")}`);
    }
    for (const output of outputs.slice(2)) assert.match(output, /^ERR_BELLE_NOT_FOUND .*nowhere/);
  }));

test.run();
