// Running text about the little world: English for the base model, Chinese with some English for the extension.
import {
  animals,
  antonyms,
  bad,
  cities,
  digits,
  fruits,
  good,
  numbersEn,
  people,
  peopleEn,
  places,
  things,
  thingsEn,
} from "./world.mjs";

export function englishLine(rng) {
  const a = rng.pick(animals);
  const f = rng.pick(fruits);
  const c = rng.pick(cities);
  const w = rng.pick(antonyms);
  const p = rng.below(places.length);
  const who = rng.pick(peopleEn);
  const x = rng.below(6);
  const y = rng.below(5);
  const thing = rng.pick(thingsEn);
  return rng.pick([
    `The ${a[1]} likes to eat ${a[3]} and lives in ${a[5]}.`,
    `A ${a[1]} is an animal. Its color is ${a[7]}.`,
    `You can see a ${a[1]} in ${a[5]}. It is eating ${a[3]}.`,
    `The ${f[1]} is a fruit. It is ${f[3]} and tastes ${f[5]}.`,
    `In ${f[7]} people pick the ${f[1]}, which is ${f[3]}.`,
    `${c[1]} is a city. It is famous for ${c[3]} and ${c[5]}.`,
    `When you visit ${c[1]}, look at ${c[5]} and eat ${c[3]}.`,
    `${who} is ${places[p][3]} in ${places[p][1]} today.`,
    `${who} went to ${places[p][1]} in the morning and was ${places[p][3]} with a friend.`,
    `The opposite of ${w[2]} is ${w[3]}. This ${thing} is ${w[2]}, that ${thing} is ${w[3]}.`,
    `${numbersEn[x]} plus ${numbersEn[y]} is ${numbersEn[x + y]}.`,
    `${who} has ${numbersEn[x + 1]} ${f[1]}s. What does ${who} have? ${who} has ${f[1]}s.`,
    `Human: what does the ${a[1]} eat? Assistant: ${a[3]}.`,
    `Human: ${who} is in ${places[p][1]}. Where is ${who}? Assistant: ${places[p][1]}.`,
  ]);
}

export function chineseLine(rng) {
  const a = rng.pick(animals);
  const f = rng.pick(fruits);
  const c = rng.pick(cities);
  const w = rng.pick(antonyms);
  const p = rng.pick(places);
  const who = rng.pick(people);
  const friend = rng.pick(people);
  const x = rng.below(6);
  const y = rng.below(5);
  const thing = rng.pick(things);
  return rng.pick([
    `${a[0]}喜欢吃${a[2]}，常常住在${a[4]}。`,
    `${a[0]}是一种动物，它的颜色是${a[6]}。`,
    `${who}在${a[4]}看见一只${a[0]}，它正在吃${a[2]}。`,
    `${f[0]}是一种水果，颜色是${f[2]}，味道是${f[4]}的。`,
    `${f[6]}到了，${who}去果园里摘${f[0]}，${f[0]}很${f[4]}。`,
    `${c[0]}是一座城市，那里的${c[2]}很有名。`,
    `去${c[0]}旅行，一定要看${c[4]}，还要尝一尝${c[2]}。`,
    `今天${who}在${p[0]}${p[2]}，${friend}也来了。`,
    `早上${who}和${friend}一起去${p[0]}${p[2]}，大家都很开心。`,
    `“${w[0]}”的反义词是“${w[1]}”。这个${thing}很${w[0]}，那个${thing}很${w[1]}。`,
    `${x}加${y}等于${x + y}，${digits[x]}加${digits[y]}等于${digits[x + y]}。`,
    `${who}有${digits[x + 1]}个${f[0]}，${friend}有${digits[y + 1]}个${f[0]}。`,
    `这个${thing}很${rng.pick(good)}，${who}非常喜欢。`,
    `这个${thing}很${rng.pick(bad)}，${who}不太喜欢。`,
    `${a[0]}的英文是 ${a[1]}，${f[0]}的英文是 ${f[1]}。`,
    `${c[0]}的英文是 ${c[1]}。The ${a[1]} lives in ${a[5]}.`,
  ]);
}
