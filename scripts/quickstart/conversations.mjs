// Questions and answers about the little world in BELLE's nine evaluation categories, each with a rule that scores an
// answer. Every question type is trained; the held-out questions never occur among the trained ones word for word.
import { animals, antonyms, bad, cities, digits, fruits, good, people, places, things } from "./world.mjs";

const item = (cls, question, answer, check) => ({ class: cls, question, answer, check });
const contains = (value) => ({ kind: "contains", value });
const equals = (value) => ({ kind: "equals", value });
const atLeast = (values, count) => ({ kind: "at_least", values, count });

/** Each maker returns one item; `rng` chooses among its combinations. */
export const makers = {
  "open qa": (rng) => {
    const a = rng.pick(animals);
    const f = rng.pick(fruits);
    const c = rng.pick(cities);
    const ask = (subjects) => rng.pick(subjects);
    return rng.pick([
      () =>
        item(
          "open qa",
          ask([`${a[0]}喜欢吃什么？`, `请问${a[0]}吃什么？`, `${a[0]}最爱的食物是什么？`, `你知道${a[0]}吃什么吗？`]),
          `${a[0]}喜欢吃${a[2]}。`,
          contains(a[2]),
        ),
      () =>
        item(
          "open qa",
          ask([`${a[0]}住在哪里？`, `请问${a[0]}住在什么地方？`, `在哪里能看到${a[0]}？`, `你知道${a[0]}住在哪里吗？`]),
          `${a[0]}住在${a[4]}。`,
          contains(a[4]),
        ),
      () =>
        item(
          "open qa",
          ask([
            `${f[0]}是什么颜色的？`,
            `请问${f[0]}的颜色是什么？`,
            `${f[0]}的颜色是什么？`,
            `你知道${f[0]}是什么颜色吗？`,
          ]),
          `${f[0]}是${f[2]}的。`,
          contains(f[2]),
        ),
      () =>
        item(
          "open qa",
          ask([
            `${c[0]}有什么好吃的？`,
            `请问${c[0]}的名菜是什么？`,
            `去${c[0]}应该吃什么？`,
            `你知道${c[0]}有什么好吃的吗？`,
          ]),
          `${c[0]}的${c[2]}很有名。`,
          contains(c[2]),
        ),
      () =>
        item(
          "open qa",
          ask([
            `${a[0]}的英文是什么？`,
            `请问${a[0]}用英文怎么说？`,
            `${a[0]}用英文怎么说？`,
            `你知道${a[0]}的英文吗？`,
          ]),
          `${a[0]}的英文是 ${a[1]}。`,
          contains(a[1]),
        ),
    ])();
  },
  "closed qa": (rng) => {
    const who = rng.pick(people);
    const f = rng.pick(fruits);
    const p = rng.pick(places);
    const n = digits[1 + rng.below(9)];
    return rng.pick([
      () => item("closed qa", `${who}有${n}个${f[0]}。请问${who}有什么？`, `${who}有${f[0]}。`, contains(f[0])),
      () => item("closed qa", `${who}在${p[0]}${p[2]}。请问${who}在哪里？`, `${who}在${p[0]}。`, contains(p[0])),
      () => item("closed qa", `${who}在${p[0]}${p[2]}。请问谁在${p[2]}？`, `${who}在${p[2]}。`, contains(who)),
    ])();
  },
  classification: (rng) => {
    const [name, kind] = rng.pick([
      ...animals.map((x) => [x[0], "动物"]),
      ...fruits.map((x) => [x[0], "水果"]),
      ...cities.map((x) => [x[0], "城市"]),
    ]);
    const thing = rng.pick(things);
    const positive = rng.below(2) === 1;
    const word = rng.pick(positive ? good : bad);
    const verdict = positive ? "正面" : "负面";
    return rng.pick([
      () =>
        item(
          "classification",
          rng.pick([
            `${name}属于动物、水果还是城市？`,
            `请判断${name}是动物、水果还是城市。`,
            `把${name}分到动物、水果、城市中的一类。`,
          ]),
          kind,
          equals(kind),
        ),
      () =>
        item(
          "classification",
          rng.pick([
            `判断这句话是正面还是负面：这个${thing}很${word}。`,
            `这句话是正面还是负面？这个${thing}很${word}。`,
          ]),
          verdict,
          equals(verdict),
        ),
    ])();
  },
  extract: (rng) => {
    const who = rng.pick(people);
    const c = rng.pick(cities);
    const f = rng.pick(fruits);
    const sentence = `${who}在${c[0]}买了${digits[1 + rng.below(9)]}个${f[0]}`;
    const [what, answer] = rng.pick([
      ["人名", who],
      ["地点", c[0]],
      ["水果", f[0]],
    ]);
    return item("extract", `从下面的句子中找出${what}：${sentence}。`, answer, equals(answer));
  },
  rewrite: (rng) => {
    const w = rng.pick(antonyms);
    const thing = rng.pick(things);
    return item(
      "rewrite",
      rng.pick([`把句子改成相反的意思：这个${thing}很${w[0]}。`, `请把这句话改成相反的意思：那个${thing}很${w[0]}。`]),
      `这个${thing}很${w[1]}。`,
      contains(`${thing}很${w[1]}`),
    );
  },
  generation: (rng) => {
    const a = rng.pick(animals);
    const c = rng.pick(cities);
    const f = rng.pick(fruits);
    const [word, sentence] = rng.pick([
      [a[0], `${a[0]}在${a[4]}吃${a[2]}。`],
      [f[0], `${f[6]}的${f[0]}很${f[4]}。`],
      [c[0], `我在${c[0]}看了${c[4]}。`],
    ]);
    return item(
      "generation",
      rng.pick([`请用“${word}”写一句话。`, `写一句话，里面要有“${word}”。`, `用“${word}”造一个句子。`]),
      sentence,
      contains(word),
    );
  },
  brainstorming: (rng) => {
    const [kind, list] = rng.pick([
      ["水果", fruits],
      ["动物", animals],
      ["城市", cities],
    ]);
    const first = rng.below(list.length);
    const three = [0, 1, 2].map((next) => list[(first + next) % list.length][0]);
    const who = rng.pick(people);
    return item(
      "brainstorming",
      rng.pick([`请说出三种${kind}。`, `${who}想知道三种${kind}，请告诉他。`, `给${who}推荐三种${kind}。`]),
      `${three.join("、")}。`,
      atLeast(
        list.map((x) => x[0]),
        3,
      ),
    );
  },
  summarization: (rng) => {
    const who = rng.pick(people);
    const p = rng.pick(places);
    const when = rng.pick(["早上", "下午", "晚上"]);
    return item(
      "summarization",
      `用一句话概括：${when}天气很好，${who}来到${p[0]}，在那里${p[2]}，过了很久才回家。`,
      `${who}在${p[0]}${p[2]}。`,
      contains(`${who}在${p[0]}`),
    );
  },
  math: (rng) => {
    const x = rng.below(10);
    const y = rng.below(10);
    return rng.pick([
      () =>
        item("math", rng.pick([`${x}加${y}等于几？`, `请计算：${x}+${y}`, `${x}+${y}=？`]), `${x + y}`, {
          kind: "number",
          value: x + y,
        }),
      () =>
        item("math", rng.pick([`${x + y}减${y}等于几？`, `请计算：${x + y}-${y}`, `${x + y}-${y}=？`]), `${x}`, {
          kind: "number",
          value: x,
        }),
    ])();
  },
};

/** perClass held-out items and up to `train` training items of each class, none of the questions shared. */
export function split(rng, perClass, train) {
  const held = [];
  const trained = [];
  for (const make of Object.values(makers)) {
    const byQuestion = new Map();
    for (let i = 0; i < 20_000 && byQuestion.size < 6_000; i++) {
      const made = make(rng);
      if (!byQuestion.has(made.question)) byQuestion.set(made.question, made);
    }
    const all = rng.shuffle([...byQuestion.values()]);
    const holdable = Math.min(perClass, Math.floor(all.length / 5));
    held.push(...all.slice(0, holdable));
    trained.push(...all.slice(holdable, holdable + train));
  }
  return { held, trained: rng.shuffle(trained) };
}
