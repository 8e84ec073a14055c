import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { averageScores, nineCategoryScheme } from "../../ts/eval/averages.ts";
import { type EvalSummary, type ScoreRow, summarySchema } from "../../ts/eval/summary.ts";
import { useCases } from "../../ts/judge/classes.ts";
import { renderCsv } from "../../ts/report/csv.ts";
import { escapeHtml } from "../../ts/report/escape.ts";
import { evalReport, scoresTable } from "../../ts/report/eval_report.ts";
import { renderHtml } from "../../ts/report/html.ts";
import { renderJson } from "../../ts/report/json.ts";
import { reportLabels } from "../../ts/report/labels.ts";
import { escapeMarkdown, renderMarkdown } from "../../ts/report/markdown.ts";
import { type Chart, formatNumber, type Report } from "../../ts/report/report.ts";
import { tags } from "../support/report_tags.ts";

const test = suite("report");

// What has got through other people's escaping: tags, attributes, schemes, comments, entities, broken markup, control
// and direction characters, style and template tricks.
const attacks = [
  "<script>alert(1)</script>",
  "</script><script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "</svg><script>alert(1)</script>",
  "</title><script>alert(1)</script>",
  "</style><script>alert(1)</script>",
  "</textarea><script>alert(1)</script>",
  '"><script>alert(1)</script>',
  "' onmouseover='alert(1)",
  '" onfocus="alert(1)" autofocus="',
  "`onload=alert(1)`",
  "<a href=javascript:alert(1)>x</a>",
  "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
  "<iframe srcdoc='<script>alert(1)</script>'>",
  "<object data=//evil.example>",
  "<embed src=//evil.example>",
  "<link rel=stylesheet href=//evil.example>",
  "<meta http-equiv=refresh content=0;url=//evil.example>",
  "<base href=//evil.example>",
  "<form action=//evil.example><input name=x>",
  "<style>*{background:url(//evil.example)}</style>",
  "<!--<img src=x onerror=alert(1)>-->",
  "--><script>alert(1)</script>",
  "<![CDATA[<script>alert(1)</script>]]>",
  "<?xml-stylesheet href='javascript:alert(1)'?>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#60;script&#62;alert(1)&#60;/script&#62;",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<ScRiPt\n>alert(1)</sCrIpT\t>",
  "<img/src=x/onerror=alert(1)//",
  "<math><mi xlink:href=javascript:alert(1)>",
  "<details open ontoggle=alert(1)>",
  "<x onclick=alert(1) style=position:fixed>",
  "\u0000<script>\u0000alert(1)</script>",
  "\u202egpj.exe\u202c",
  "\u2028<script>",
  "＜script＞alert(1)＜/script＞",
  "\ud800<script>alert(1)</script>",
  "\u0024{alert(1)} {{alert(1)}} <%= alert(1) %>",
  "](javascript:alert(1)) ![x](//evil.example/x.png)",
  "| a | b |\n|---|---|\n<b>x</b>",
  '=HYPERLINK("//evil.example")',
];

function dirty(text: string): Report {
  const charts: Chart[] = [
    {
      kind: "bars",
      categories: [text],
      series: [text, "b"].map((label) => ({ label, values: [{ value: 0.5 }] })),
      yLabel: text,
      yRange: [0, 1],
    },
    {
      kind: "line",
      series: [text, "b"].map((label) => ({
        label,
        points: [
          { x: 1, y: 1 },
          { x: 2, y: 3 },
        ],
      })),
      xLabel: text,
      yLabel: text,
    },
    {
      kind: "radar",
      axes: [text, "b", "c"],
      series: [text, "b"].map((label) => ({ label, values: [1, 0.5, 0] })),
      range: [0, 1],
    },
    { kind: "heatmap", rows: [text], columns: [text, "b"], values: [[0.5, undefined]], range: [0, 1], digits: 2 },
  ];
  return {
    title: text,
    subtitle: text,
    language: "en",
    sections: [
      { kind: "text", title: text, paragraphs: [text], tone: "warning" },
      { kind: "text", paragraphs: [text] },
      { kind: "figures", figures: [{ label: text, value: text, note: text }] },
      { kind: "table", title: text, table: { columns: [{ label: text, align: "left" }], rows: [[text]] }, note: text },
      ...charts.map((chart) => ({ kind: "chart" as const, title: text, chart, note: text })),
      {
        kind: "samples",
        title: text,
        note: text,
        samples: [
          {
            labels: [text],
            question: text,
            gold: text,
            answers: [{ label: text, text, verdict: text, passed: false }],
          },
        ],
      },
      { kind: "keyValues", title: text, entries: [[text, text]] },
    ],
  };
}

test("no text becomes markup: the tags and attributes of a page do not depend on its text", () => {
  const clean = new Set(["文本", "很长的文本".repeat(20)].flatMap((text) => [...tags(renderHtml(dirty(text)))]));
  for (const attack of attacks) {
    const html = renderHtml(dirty(attack));
    for (const tag of tags(html)) assert.ok(clean.has(tag), `${attack} made <${tag}>`);
    assert.not.ok(html.includes(attack) && /[<>"'&]/.test(attack), attack);
    assert.not.match(html, /(?![\t\n\r])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
  }
});

test("no script, no event handler, no inline style, no address anywhere", () => {
  const all = [...tags(renderHtml(dirty("文本")))];
  for (const tag of all) {
    assert.not.match(tag, /^(script|iframe|object|embed|link|img|form|base|a|image|use|foreignObject|animate)\b/);
    assert.not.match(tag, / (on[a-z]+|style|href|src|xlink:href)\b/);
  }
  const html = renderHtml(dirty("文本"));
  const addresses = new Set(html.match(/(?:https?:)?\/\/[\w.]+[^"\s]*/g));
  assert.equal([...addresses], ["http://www.w3.org/2000/svg"]);
  assert.not.match(html, /url\(|@import/);
});

test("the policy allows the one style sheet by its hash and nothing else", () => {
  const html = renderHtml(dirty("x"));
  const sheet = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!;
  const hash = createHash("sha256").update(sheet, "utf8").digest("base64");
  assert.match(html, `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`);
  assert.is(html.match(/<style/g)!.length, 1);
  assert.not.ok(sheet.includes("<"));
  assert.match(sheet, "@media print");
  assert.match(sheet, "@media (prefers-color-scheme:dark)");
});

test("escaping", () => {
  assert.is(escapeHtml(`<a b="c" d='e'>&`), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
  assert.is(escapeHtml("a\u0000b\u202ec\ud800d\te\n😀"), "a\ufffdb\ufffdc\ufffdd\te\n😀");
});

test("markdown text stays text", () => {
  assert.is(
    escapeMarkdown("[x](http://e.example) <b> `c` *d* | # 1. a"),
    "\\[x\\]\\(http&#8203;://e.example\\) &lt;b&gt; \\`c\\` \\*d\\* \\| \\# 1. a",
  );
  for (const attack of attacks) {
    const markdown = renderMarkdown(dirty(attack));
    assert.not.match(markdown, /<[a-zA-Z/!?]/, attack);
    assert.not.match(markdown, /(?<!\\)\]\(/, attack);
  }
});

test("markdown has every section, and tables instead of charts", () => {
  const markdown = renderMarkdown(dirty("文本"));
  assert.match(markdown, /^# 文本\n\n文本\n\n## 文本/);
  assert.match(markdown, "| --- | ---: | ---: |");
  assert.match(markdown, "> 文本");
  assert.match(markdown, "- 文本: **文本** 文本");
});

test("CSV: quoting, full precision, no formulas, optional byte order mark", () => {
  const table = {
    columns: [
      { label: "名称", align: "left" as const },
      { label: "分", align: "right" as const },
    ],
    rows: [
      ["a,b", { value: 1 / 3, digits: 2 }],
      ['q"x\n', undefined],
      ["=1+1", { value: -2, digits: 0 }],
      ["@x", { value: Number.NaN, digits: 1 }],
    ],
  };
  const csv = renderCsv(table);
  assert.is(csv, `名称,分\r\n"a,b",0.3333333333333333\r\n"q""x\n",\r\n'=1+1,-2\r\n'@x,\r\n`);
  assert.is(renderCsv(table, { bom: true }), `\ufeff${csv}`);
});

test("numbers: true minus, no minus zero, percents, a dash for what is missing", () => {
  assert.is(formatNumber({ value: -0.5, digits: 2 }), "\u22120.50");
  assert.is(formatNumber({ value: -0.001, digits: 2 }), "0.00");
  assert.is(formatNumber({ value: 0.756, digits: 1, percent: true }), "75.6%");
  assert.is(formatNumber({ value: Number.NaN, digits: 2 }), "–");
});

function evaluation(name: string, shift: number, more: Partial<EvalSummary> = {}) {
  const scores: ScoreRow[] = useCases
    .filter((one) => one !== "cot" && one !== "translation")
    .flatMap((one, k) =>
      [0.3, 0.5, 0.6].map((score, i) => ({
        id: `${k}-${i}`,
        class: one,
        question: `问题 ${k}-${i}`,
        gold: "标准",
        answer: `${name} 的回答`,
        score: k === 0 && i === 0 ? null : score + shift,
        verdicts: [{ repeat: 0, status: "unparsed", reply: "", reasked: true }],
      })),
    );
  const scored = scores.map((row) => ({ ...row, score: row.score ?? undefined }));
  const summary: EvalSummary = {
    schema: summarySchema,
    name,
    set: { items: scores.length, fingerprint: "f".repeat(64) },
    scored_by: { kind: "rules" },
    averages: averageScores(scored, nineCategoryScheme, { bootstrapRounds: 100 }),
    ...more,
  };
  return { summary, scores };
}

test("an evaluation as a report, in both languages", () => {
  const one = evaluation("模型甲", 0.1);
  const zh = renderHtml(evalReport([one], { language: "zh" }));
  assert.match(zh, '<html lang="zh-CN">');
  assert.match(zh, "<h1>评测：模型甲</h1>");
  for (const words of [
    "宏平均（不含其他）",
    "其他（数学+代码）",
    "封闭问答",
    "覆盖率",
    "按规则（0 或 1）",
    "无得分: unparsed",
  ])
    assert.match(zh, words);
  const en = renderHtml(evalReport([one], { language: "en" }));
  for (const words of ["Evaluation: 模型甲", "Macro average without others", "closed qa", "Coverage", "n = 29, "])
    assert.match(en, words);
  assert.match(en, "Some answers got no usable score");
  assert.is(renderHtml(evalReport([one], { language: "en" })), en);
  tags(zh);
});

test("several evaluations: heatmap, scaling line, samples side by side", () => {
  const runs = [evaluation("0.2M", 0, { data_size: 200_000 }), evaluation("2M", 0.2, { data_size: 2_000_000 })];
  const report = evalReport(runs, { language: "en", samples: 3 });
  const charts = report.sections.flatMap((section) => (section.kind === "chart" ? [section.chart.kind] : []));
  assert.equal(charts, ["bars", "radar", "line", "heatmap"]);
  const samples = report.sections.find((section) => section.kind === "samples");
  assert.ok(samples?.kind === "samples");
  if (samples?.kind !== "samples") return;
  assert.is(samples.samples.length, 3);
  assert.equal(
    samples.samples[0]!.answers.map((answer) => answer.label),
    ["0.2M", "2M"],
  );
  assert.is(samples.samples[0]!.answers[1]!.verdict, "no score: unparsed");
  const line = report.sections.flatMap((section) =>
    section.kind === "chart" && section.chart.kind === "line" ? [section.chart] : [],
  )[0]!;
  assert.equal(
    line.series[0]!.points.map(({ x }) => x),
    [200_000, 2_000_000],
  );
  assert.is(line.series.length, 10);
  tags(renderHtml(report));
});

test("runs that must not be compared are marked, and failed canaries too", () => {
  const a = evaluation("a", 0);
  const b = evaluation("b", 0, { set: { items: 30, fingerprint: "0".repeat(64) } });
  const text = (runs: Array<typeof a>) => JSON.stringify(evalReport(runs, { language: "en" }));
  assert.not.match(text([a, evaluation("c", 0)]), "must not be compared");
  assert.match(text([a, b]), "must not be compared");
  const alarmed = evaluation("d", 0, {
    canaries: { median: 0.5, results: [{ kind: "null", items: 2, scored: 2, mean: 0.9 }], alarms: ["null"] },
  });
  assert.match(text([alarmed]), "Do not trust these scores");
  assert.match(text([alarmed]), "empty phrase");
});

test("the table of scores has every mean with its n", () => {
  const table = scoresTable([evaluation("a", 0), evaluation("b", 0.1)], "en");
  assert.is(table.rows.length, 2 * (9 + 2 + 1));
  const csv = renderCsv(table).split("\r\n");
  assert.match(csv[0]!, /^Model,Category,Items,Scored,Mean,Std\. error,/);
  assert.match(csv[1]!, /^a,others,6,5,0\.5,/);
});

test("JSON names its form; labels exist in both languages", () => {
  const json = JSON.parse(renderJson(dirty("x"))) as { schema: string; title: string };
  assert.is(json.schema, "belle-train/report/1");
  assert.is(json.title, "x");
  assert.equal(Object.keys(reportLabels("en")), Object.keys(reportLabels("zh")));
  for (const words of Object.values(reportLabels("zh"))) assert.match(words, /\p{Script=Han}/u);
});

test.run();
