// Normalisation rules computed from Unicode data, and the double array they are compiled to.
#include <map>

#include "native/core/philox.h"
#include "native/core/utf8.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/unicode/charsmap_builder.h"
#include "test/native/check.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::string utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(c, &out);
  return out;
}

Result<Normalizer> normalizer_of(std::string charsmap) {
  NormalizerSpec spec;
  spec.precompiled_charsmap = std::move(charsmap);
  spec.add_dummy_prefix = spec.remove_extra_whitespaces = spec.escape_whitespaces = false;
  return Normalizer::create(spec);
}

std::string normalized(const std::string& rule, std::string_view text) {
  auto charsmap = precompiled_charsmap(rule);
  CHECK_OK(charsmap.status());
  auto normalizer = normalizer_of(charsmap.ok() ? charsmap.take() : "");
  CHECK_OK(normalizer.status());
  return normalizer.ok() ? normalizer.value().normalize(text) : "";
}

// All keys of a charsmap with their replacements, by walking the trie.
std::map<std::string, std::string> rules_inside(const std::string& blob) {
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(blob[at + i])} << (8 * i);
    return value;
  };
  const uint32_t units = word(0) / 4;
  const auto unit = [&](uint32_t index) { return word(4 + 4 * size_t{index}); };
  const auto offset = [](uint32_t value) { return value >> 10 << (value >> 9 & 1) * 8; };
  std::map<std::string, std::string> rules;
  std::vector<std::pair<uint32_t, std::string>> open{{offset(unit(0)), ""}};
  while (!open.empty()) {
    auto [at, key] = std::move(open.back());
    open.pop_back();
    for (uint32_t byte = 1; byte < 256; ++byte) {
      const uint32_t child = at ^ byte;
      if (child >= units || (unit(child) & 0x800000FF) != byte) continue;
      const uint32_t children = child ^ offset(unit(child));
      std::string longer = key + static_cast<char>(byte);
      if (unit(child) >> 8 & 1)
        rules[longer] = blob.c_str() + 4 + 4 * size_t{units} + (unit(children) & 0x7FFFFFFF);
      open.emplace_back(children, std::move(longer));
    }
  }
  return rules;
}

}  // namespace

TEST("charsmap: what the rules do") {
  CHECK_EQ(normalized("identity", "ＡＢ①"), "ＡＢ①");
  CHECK_EQ(normalized("nfkc", "ＡＢＣ①ｶﾞ㈱ﬁ％～"), "ABC1ガ(株)fi%~");
  CHECK_EQ(normalized("nmt_nfkc", "ＡＢＣ①ｶﾞ㈱ﬁ％～"), "ABC1ガ(株)fi%～");
  CHECK_EQ(normalized("nmt_nfkc", "a\tb\nc\u200Bd\u3000e\uFEFFf\u2581g"), "a b c d e f g");
  CHECK_EQ(normalized("nmt_nfkc", "a\x01\x1F\x7F\u008F\u200Db"), "a\u200Db");
  CHECK_EQ(normalized("nfkc", "e\u0301 か\u3099 \u1112\u1161\u11AB"), "é が 한");
  CHECK_EQ(normalized("nmt_nfkc_cf", "ÀẞΣςK İ Ꭰ ꭰ"), "àßσσk İ Ꭰ Ꭰ");
  CHECK_EQ(normalized("nfkc", "，。！？：；（）"), ",。!?:;()");
  CHECK_EQ(normalized("nfkc", std::string("\0e\u0301", 4)), std::string("\0é", 3));
}

TEST("charsmap: every rule is found by its own text, in all four") {
  const struct {
    const char* name;
    size_t rules;
  } cases[] = {
      {"nfkc", 225232}, {"nmt_nfkc", 225275}, {"nfkc_cf", 226640}, {"nmt_nfkc_cf", 226683}};  // as in 0.2.2
  for (const auto& [name, count] : cases) {
    const auto rules = normalization_rules(name);
    CHECK_OK(rules.status());
    if (!rules.ok()) return;
    CHECK_EQ(rules.value().size(), count);
    auto charsmap = precompiled_charsmap(name);
    CHECK_OK(charsmap.status());
    if (!charsmap.ok()) return;
    CHECK(charsmap.value().size() < 300000);  // equal endings are shared
    auto normalizer = normalizer_of(charsmap.take());
    CHECK_OK(normalizer.status());
    if (!normalizer.ok()) return;
    size_t wrong = 0;
    for (const auto& rule : rules.value()) {
      const std::string from = utf8(rule.from);
      wrong += normalizer.value().normalize(from) != utf8(rule.to);
    }
    CHECK_EQ(wrong, size_t{0});
  }
}

TEST("charsmap: random rules against a table") {
  const Philox random(7, RngStream::test);
  uint64_t index = 0;
  const auto text_of = [&](size_t longest) {
    std::u32string text;
    const auto size = 1 + static_cast<size_t>(random.uniform(index++) * static_cast<double>(longest));
    for (size_t i = 0; i < size; ++i)
      text.push_back(U"abé中\u0001\uFFFF"[static_cast<size_t>(random.uniform(index++) * 6)]);
    return text;
  };
  for (int round = 0; round < 50; ++round) {
    std::map<std::u32string, std::u32string> table;
    for (int i = 0; i < 1 + round * 4; ++i) table[text_of(5)] = i % 7 == 0 ? std::u32string() : text_of(3);
    std::vector<NormalizationRule> rules;
    for (const auto& [from, to] : table) rules.push_back({from, to});
    const auto charsmap = build_charsmap(rules);
    CHECK_OK(charsmap.status());
    if (!charsmap.ok()) return;
    const auto inside = rules_inside(charsmap.value());
    CHECK_EQ(inside.size(), table.size());
    for (const auto& [from, to] : table)
      CHECK(inside.contains(utf8(from)) && inside.at(utf8(from)) == utf8(to));
    const auto normalizer = normalizer_of(charsmap.value());
    CHECK_OK(normalizer.status());
    if (!normalizer.ok()) return;
    for (int i = 0; i < 200; ++i) {
      std::u32string text = text_of(8);
      if (i % 5 == 0) text.insert(text.begin() + static_cast<ptrdiff_t>(text.size() / 2), U'\0');
      std::u32string expected;
      for (size_t at = 0; at < text.size();) {
        size_t length = std::min<size_t>(5, text.size() - at);
        while (length > 0 && !table.contains(text.substr(at, length))) --length;
        expected += length > 0 ? table[text.substr(at, length)] : text.substr(at, 1);
        at += std::max<size_t>(length, 1);
      }
      CHECK_EQ(normalizer.value().normalize(utf8(text)), utf8(expected));
    }
  }
}

TEST("charsmap: bad rules and unknown names are refused") {
  const auto refused = [](const std::vector<NormalizationRule>& rules) {
    const auto charsmap = build_charsmap(rules);
    CHECK_EQ(static_cast<int>(charsmap.status().code()), static_cast<int>(StatusCode::invalid_argument));
    return charsmap.status().message();
  };
  CHECK_EQ(refused({{U"b", U"x"}, {U"a", U"x"}}),
           "normalization rule 1 is empty, holds U+0000 or is out of order: sort the rules and drop doubles");
  CHECK(refused({{U"a", U"x"}, {U"a", U"y"}}).find("rule 1 ") != std::string::npos);
  CHECK(refused({{U"", U"x"}}).find("rule 0 ") != std::string::npos);
  CHECK(refused({{std::u32string(1, U'\0'), U"x"}}).find("rule 0 ") != std::string::npos);
  const auto nothing = build_charsmap({});
  CHECK(nothing.ok() && nothing.value().empty());
  for (const std::string name : {"nfd", "", "NFKC", "nmt_", "_cf", "nmt_cf", "nfkc_cf_cf"}) {
    const auto rules = precompiled_charsmap(name);
    CHECK_EQ(rules.status().message(),
             "normalization rule \"" + name +
                 "\" is not known: use identity, nfkc, nmt_nfkc, nfkc_cf or nmt_nfkc_cf");
  }
}

TEST("charsmap: the rules inside chinese_sp.model, but for characters younger than it") {
  const std::string path = shared_model("chinese-llama/chinese_sp.model");
  if (path.empty()) return;
  const std::string bytes = file_bytes(path);
  const auto model = parse_model(as_bytes(bytes));
  CHECK_OK(model.status());
  const auto ours = precompiled_charsmap("nmt_nfkc");
  CHECK_OK(ours.status());
  if (!model.ok() || !ours.ok()) return;
  const auto theirs = rules_inside(model.value().normalizer_spec.precompiled_charsmap);
  const auto rules = rules_inside(ours.value());
  CHECK_EQ(theirs.size(), size_t{224725});
  size_t missing = 0;
  for (const auto& [from, to] : theirs) missing += !rules.contains(from) || rules.at(from) != to;
  CHECK_EQ(missing, size_t{0});
  // 550 more: what Unicode 14 to 17 added with decompositions, such as U+A7F2 MODIFIER LETTER CAPITAL C.
  CHECK_EQ(rules.size() - theirs.size(), size_t{550});
  CHECK(!theirs.contains("\uA7F2") && rules.at("\uA7F2") == "C");
}
