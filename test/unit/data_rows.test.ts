import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ReadRowsOptions, readRows } from "../../ts/data/rows.ts";
import { convertRow, detectFormat } from "../../ts/data/sample.ts";
import { nesting } from "../../ts/data/split.ts";
import { refused, withFiles } from "./data_support.ts";

const test = suite("data rows");

/** Rows as `line:value`, bad ones as `line!reason`. */
async function read(content: string | Buffer, options: ReadRowsOptions = {}, name = "x.jsonl") {
  return withFiles({ [name]: content }, async (dir) => {
    const reader = await readRows(join(dir, name), options);
    const rows: string[] = [];
    for await (const row of reader.rows) {
      rows.push(row.kind === "row" ? `${row.line}:${JSON.stringify(row.value)}` : `${row.line}!${row.reason}`);
    }
    return { kind: reader.kind, rows };
  });
}

test("the kind is told by the first bytes, never by the suffix", async () => {
  assert.equal(await read('[{"a":1},\n {"a":2}]', {}, "array.jsonl"), {
    kind: "array",
    rows: ['1:{"a":1}', '2:{"a":2}'],
  });
  assert.equal(await read('{"a":1}\n\n{"a":2}\n', {}, "lines.json"), {
    kind: "lines",
    rows: ['1:{"a":1}', '3:{"a":2}'],
  });
  assert.equal(await read("第一行\n\n第二行", {}, "text.json"), { kind: "text", rows: ['1:"第一行"', '3:"第二行"'] });
  assert.equal((await read("[1] a footnote\n")).kind, "text");
  assert.equal((await read("{\\bf TeX}\n")).kind, "text");
  assert.equal((await read(' \n\t[ "a", "b" ]')).rows, ['2:"a"', '2:"b"']);
});

test("byte order mark, CRLF, missing last newline, leading blank lines", async () => {
  const rows = await read('\ufeff\r\n{"a":"é"}\r\n{"a":"b"}');
  assert.equal(rows, { kind: "lines", rows: ['2:{"a":"é"}', '3:{"a":"b"}'] });
});

test("gzip is read as what is in it, and a cut one is refused", async () => {
  const whole = gzipSync('{"a":1}\n{"a":2}\n'.repeat(50_000));
  assert.is((await read(whole)).rows.length, 100_000);
  const message = await refused(() => read(whole.subarray(0, whole.length - 20)), "ERR_BELLE_INVALID_DATA");
  assert.match(message, "the gzip stream is damaged or cut short");
});

test("a broken line is located and does not stop the reader", async () => {
  const { rows } = await read('{"a":1}\n{"a":\n{"a":3}\n[]\n7\n');
  assert.equal(rows, ['1:{"a":1}', "2!not_json", '3:{"a":3}', "4!not_a_row", "5!not_a_row"]);
});

test("invalid UTF-8 is said to be that", async () => {
  const gbk = Buffer.concat([
    Buffer.from('{"a":"'),
    Buffer.from([0xc4, 0xe3, 0xba, 0xc3]),
    Buffer.from('"}\n{"a":1}\n'),
  ]);
  assert.equal((await read(gbk)).rows, ["1!not_utf8", '2:{"a":1}']);
  assert.match(await refused(() => read(Buffer.from([0xff, 0xfe, 0x7b, 0])), "ERR_BELLE_INVALID_DATA"), "is UTF-16");
});

test("a line past 16 MiB is one bad row and costs no more memory", async () => {
  const rows = await read(
    Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.alloc(17 << 20, 0x78), Buffer.from('"}\n{"a":3}\n')]),
  );
  assert.equal(rows.rows, ['1:{"a":1}', "2!too_long", '3:{"a":3}']);
});

test("nesting past 64 levels is refused before it is parsed", async () => {
  const deep = (n: number) => `{"a":${"[".repeat(n)}${"]".repeat(n)}}`;
  assert.equal(
    (await read(`${deep(63)}\n${deep(64)}\n`)).rows.map((row) => row.slice(0, 10)),
    ['1:{"a":[[[', "2!too_deep"],
  );
  assert.is(nesting(Buffer.from('{"a":"[[[[\\"["}')), 1);
  assert.is((await read(`${"[".repeat(1 << 20)}`)).kind, "text");
});

test("arrays: elements over lines and chunks, with the line each begins at", async () => {
  const element = `{"a":"${"好".repeat(300_000)}\\"]","b":[1,{"c":2}]}`;
  const { rows } = await read(`[\n ${element},\n\n ${element} ,"x"\n]\n\n`);
  assert.equal(
    rows.map((row) => row.split(":")[0]),
    ["2", "4", "4"],
  );
  assert.is(rows[2], '4:"x"');
});

test("arrays: what breaks them", async () => {
  assert.equal((await read('[{"a":1},{"a":')).rows, ['1:{"a":1}', "1!broken_array"]);
  assert.equal((await read('[{"a":1},,{"a":2}]')).rows, ['1:{"a":1}', "1!broken_array"]);
  assert.equal((await read('[{"a":1},\n]')).rows, ['1:{"a":1}', "2!broken_array"]);
  assert.equal((await read('[{"a":1}]\n{"a":2}')).rows, ['1:{"a":1}', "2!broken_array"]);
  assert.equal((await read('[{"a":1} {"a":2}]')).rows, ["1!not_json"]);
  assert.equal((await read("[]")).rows, []);
});

test("paragraphs and documents of plain text", async () => {
  const text = "a\nb\n\n\nc\n";
  assert.equal((await read(text, { sampleBy: "paragraph" })).rows, ['1:"a\\nb"', '5:"c"']);
  assert.equal((await read(text, { sampleBy: "document" })).rows, ['1:"a\\nb\\n\\n\\nc"']);
  assert.equal((await read('{"a":1}\n', { text: true })).rows, ['1:"{\\"a\\":1}"']);
});

test("empty files", async () => {
  assert.equal(await read(""), { kind: "empty", rows: [] });
  assert.is((await read(" \n\r\n")).kind, "empty");
});

const options = { join: "" as const, anyOtherIsAssistant: false };

test("formats are told by the keys", () => {
  assert.is(
    detectFormat({
      conversations: [
        { from: "human", value: "a" },
        { from: "Assistant", value: "b" },
      ],
    }),
    "belle",
  );
  assert.is(
    detectFormat({
      conversations: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b" },
      ],
    }),
    "sharegpt",
  );
  assert.is(detectFormat({ messages: [] }), "sharegpt");
  assert.is(detectFormat({ instruction: "a", output: "b" }), "alpaca");
  assert.is(detectFormat({ input: "a", target: "b" }), "input-target");
  assert.is(detectFormat({ text: "a" }), "text");
  assert.is(detectFormat("a"), "text");
  assert.is(detectFormat({ prompt: "a" }), undefined);
});

test("alpaca rows join instruction and input as asked, and not at all without an input", () => {
  const question = (join: "" | "\n" | "\nInput:\n", input: string) => {
    const made = convertRow({ instruction: "翻译", input, output: "x" }, "alpaca", { ...options, join });
    assert.ok("sample" in made && made.sample.kind === "conversation");
    return made.sample.turns[0]!.text;
  };
  assert.equal(
    [question("", "你好"), question("\n", "你好"), question("\nInput:\n", "你好")],
    ["翻译你好", "翻译\n你好", "翻译\nInput:\n你好"],
  );
  assert.is(question("\nInput:\n", ""), "翻译");
});

test("alpaca system and history come first", () => {
  const row = { system: "s", history: [["q1", "a1"]], instruction: "q2", output: "a2" };
  const made = convertRow(row, "alpaca", options);
  assert.ok("sample" in made && made.sample.kind === "conversation");
  assert.equal(
    made.sample.turns.map((turn) => `${turn.role}:${turn.text}`),
    ["system:s", "human:q1", "assistant:a1", "human:q2", "assistant:a2"],
  );
});

test("roles: synonyms are known, strangers drop the row, BELLE's own rule takes them for the assistant", () => {
  const row = (from: string) => ({
    conversations: [
      { from: "USER", value: "q" },
      { from, value: "a" },
    ],
  });
  const roles = (from: string, anyOtherIsAssistant = false) => {
    const made = convertRow(row(from), "sharegpt", { join: "", anyOtherIsAssistant });
    return "dropped" in made
      ? made.dropped
      : made.sample.kind === "conversation" && made.sample.turns.map((turn) => turn.role);
  };
  assert.equal(roles("gpt"), ["human", "assistant"]);
  assert.equal(roles("system"), ["human", "system"]);
  assert.is(roles("observation"), "unknown_role");
  assert.is(roles("constructor"), "unknown_role");
  assert.equal(roles("observation", true), ["assistant", "assistant"]);
});

test("rows that are no sample say why", () => {
  const why = (value: unknown, format: "belle" | "alpaca" | "text" | "input-target") => {
    const made = convertRow(value, format, options);
    return "dropped" in made ? made.dropped : "kept";
  };
  assert.is(why({ conversations: "[]" }, "belle"), "unknown_shape");
  assert.is(why({ conversations: [] }, "belle"), "empty");
  assert.is(why({ conversations: [{ from: "human", value: 7 }] }, "belle"), "turn_not_text");
  assert.is(why({ conversations: [null] }, "belle"), "turn_not_text");
  assert.is(why({ instruction: "a", output: null }, "alpaca"), "unknown_shape");
  assert.is(why({ input: "", target: "" }, "input-target"), "empty");
  assert.is(why({ text: "\ud800" }, "text"), "invalid_unicode");
  assert.is(why("text", "alpaca"), "unknown_shape");
});

test("names inherited or smuggled by __proto__ are not data", () => {
  const row = JSON.parse('{"__proto__": {"instruction": "a", "output": "b"}, "constructor": 1}') as unknown;
  assert.is(detectFormat(row), undefined);
  const made = convertRow(row, "alpaca", options);
  assert.is("dropped" in made && made.dropped, "unknown_shape");
  assert.is(({} as { instruction?: string }).instruction, undefined);
});

test.run();
