// What a merge does to lines of text, on small vocabularies.
#include "native/tokenizer/merge/merge_effect.h"

#include <fstream>

#include "native/tokenizer/merge/merge.h"
#include "native/tokenizer/unicode/charsmap_builder.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// Letters, and "ab" above all: "abb" is ab b. The addition's "bb" comes first where its score is higher.
SentencePieceModel base_model() {
  SentencePieceModel model = small_model({});
  add_byte_pieces(&model);
  for (const auto& [text, score] :
       {std::pair{"ab", -1.f}, {"a", -2.f}, {"b", -3.f}, {"c", -4.f}, {"中", -5.f}, {"文", -6.f}})
    model.pieces.push_back(piece_of(text, score));
  return model;
}

SentencePieceModel addition_model() { return small_model({piece_of("bb", -0.5f), piece_of("中文", -1.5f)}); }

std::string file_with(const std::string& text, const std::string& name = "lines.txt") {
  const std::string path = test::temporary_folder() + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

Result<MergeEffect> effect_of(MergeMode mode, const std::string& path, int threads = 1,
                              uint64_t max_lines = 0, bool stopped = false,
                              SentencePieceModel base = base_model()) {
  BELLE_ASSIGN(const auto merged, merge_vocabulary(base, addition_model(), mode));
  BELLE_ASSIGN(const auto lines, TextLines::open({path}, max_lines));
  ThreadPool pool(threads);
  const std::atomic<bool> stop{stopped};
  uint64_t last = 0;
  auto effect =
      measure_effect(*merged.before, *merged.after, lines, pool, stop, [&](uint64_t done, uint64_t total) {
        CHECK(done >= last && done <= total);
        last = done;
      });
  return effect;
}

using Names = std::vector<std::string>;

}  // namespace

TEST("merge effect: lines that change are counted, with the pieces before and after") {
  const auto result = effect_of(MergeMode::belle, file_with("cab\nabb\n\ncccabbc\n中文ab\nabab"));
  CHECK_OK(result.status());
  if (!result.ok()) return;
  const MergeEffect& effect = result.value();
  CHECK_EQ(effect.lines, 5u);
  CHECK_EQ(effect.with_han, 1u);
  CHECK_EQ(effect.changed, 3u);
  CHECK_EQ(effect.changed_without_han, 2u);
  CHECK_EQ(effect.characters, 3u + 3 + 7 + 4 + 4);
  CHECK_EQ(effect.bytes, 3u + 3 + 7 + 8 + 4);
  CHECK_EQ(effect.tokens_before, 2u + 2 + 6 + 3 + 2);
  CHECK_EQ(effect.tokens_after, 2u + 2 + 6 + 2 + 2);
  CHECK_EQ(effect.examples.size(), size_t{2});  // the second "abb" loses the same piece
  if (effect.examples.size() != 2) return;
  CHECK_EQ(effect.examples[0].line, 2u);
  CHECK_EQ(effect.examples[0].text, "abb");
  CHECK(effect.examples[0].before == (Names{"ab", "b"}));
  CHECK(effect.examples[0].after == (Names{"a", "bb"}));
  CHECK_EQ(effect.examples[1].line, 5u);
  CHECK(effect.examples[1].before == (Names{"中", "文", "ab"}));
  CHECK(effect.examples[1].after == (Names{"中文", "ab"}));
}

TEST("merge effect: an example begins shortly before the difference, a long line is cut") {
  const auto result = effect_of(MergeMode::belle, file_with(std::string(300, 'c') + "abb"));
  CHECK_OK(result.status());
  if (!result.ok()) return;
  CHECK_EQ(result.value().examples.size(), size_t{1});
  if (result.value().examples.empty()) return;
  const ChangedLine& line = result.value().examples[0];
  CHECK_EQ(line.token, 300u);
  CHECK(line.before == (Names{"c", "c", "ab", "b"}));
  CHECK(line.after == (Names{"c", "c", "a", "bb"}));
  CHECK_EQ(line.text, std::string(200, 'c') + "…");
}

TEST("merge effect: safe mode changes no line without Han, whatever the file") {
  const auto result =
      effect_of(MergeMode::safe, file_with("abbbb\ncabb\n中文\n\xff bb \xe4\xb8\nかな 한국어 😀 abb\n"));
  CHECK_OK(result.status());
  if (!result.ok()) return;
  CHECK_EQ(result.value().lines, 5u);
  CHECK_EQ(result.value().changed, 1u);
  CHECK_EQ(result.value().changed_without_han, 0u);
}

// The normaliser of this base makes 株 of a character that is not Han itself.
TEST("merge effect: Han is looked for in normalised text") {
  SentencePieceModel base = base_model();
  auto charsmap = precompiled_charsmap("nfkc");
  CHECK_OK(charsmap.status());
  if (!charsmap.ok()) return;
  base.normalizer_spec.precompiled_charsmap = charsmap.take();
  const auto result = effect_of(MergeMode::safe, file_with("㈱\nab\n"), 1, 0, false, base);
  CHECK_OK(result.status());
  if (result.ok()) CHECK_EQ(result.value().with_han, 1u);
}

TEST("merge effect: one thread and three count the same over many chunks") {
  std::string text;
  for (int i = 0; i < 60'000; ++i)
    text += i % 7 == 0 ? "cabbcab中文ab\n" : i % 5 == 0 ? "\n" : "abcab cab\r\n";
  const std::string path = file_with(text);
  const auto one = effect_of(MergeMode::belle, path, 1), three = effect_of(MergeMode::belle, path, 3);
  CHECK_OK(one.status());
  CHECK_OK(three.status());
  if (!one.ok() || !three.ok()) return;
  CHECK_EQ(one.value().lines, 49'715u);
  CHECK_EQ(one.value().changed, 8'572u);
  for (const auto member : {&MergeEffect::lines, &MergeEffect::changed, &MergeEffect::characters,
                            &MergeEffect::tokens_before, &MergeEffect::tokens_after})
    CHECK_EQ(one.value().*member, three.value().*member);
  CHECK_EQ(one.value().examples.size(), size_t{1});
  CHECK_EQ(three.value().examples.size(), size_t{1});
  CHECK_EQ(three.value().examples[0].line, 1u);
}

TEST("merge effect: max_lines takes the first lines with text; a stop ends it") {
  const std::string path = file_with("\n  \nabb\n\u3000\nccc\nabb\n");
  const auto two = effect_of(MergeMode::belle, path, 1, 2);
  CHECK_OK(two.status());
  if (two.ok()) {
    CHECK_EQ(two.value().lines, 2u);
    CHECK_EQ(two.value().changed, 1u);
    CHECK_EQ(two.value().examples.at(0).line, 3u);
  }
  const auto stopped = effect_of(MergeMode::belle, path, 1, 0, true);
  CHECK_EQ(static_cast<int>(stopped.status().code()), static_cast<int>(StatusCode::aborted));
}

TEST("text lines: files one after the other, numbered each from 1; none with text is an error") {
  const std::string a = file_with("one\r\n\ntwo", "a.txt"), b = file_with("three\n", "b.txt");
  const auto lines = TextLines::open({a, b}, 0);
  CHECK_OK(lines.status());
  if (!lines.ok()) return;
  Names seen;
  ThreadPool pool(1);
  const auto add = [&](const TextLines::Line& line, size_t, int) -> Status {
    seen.push_back(line.file.substr(line.file.size() - 5) + ":" + std::to_string(line.number) + " " +
                   std::string(line.text));
    return {};
  };
  CHECK_OK(lines.value().visit(
      pool, false, "the test", [](uint64_t, uint64_t) {}, add));
  CHECK(seen == (Names{"a.txt:1 one", "a.txt:3 two", "b.txt:1 three"}));
  CHECK_REFUSED(TextLines::open({file_with("\n \t\r\n", "blank.txt")}, 0).status(), "no line holds text");
  CHECK_REFUSED(TextLines::open({}, 0).status(), "no line holds text");
  const auto none = TextLines::open({"/no/such.txt"}, 0);
  CHECK_EQ(static_cast<int>(none.status().code()), static_cast<int>(StatusCode::not_found));
}
