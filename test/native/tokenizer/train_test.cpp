// Training rules one by one; expected vocabularies were printed by sentencepiece 0.2.2.
#include <ctime>
#include <thread>

#include "native/core/utf8.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "test/native/check.h"
#include "test/native/tokenizer/train_case.h"
#include "test/native/tokenizer/train_text.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

BpeTrainRequest small_request(std::vector<std::string> lines, int32_t vocab_size = 60) {
  BpeTrainRequest request;
  request.sentences = std::move(lines);
  request.trainer_spec.vocab_size = vocab_size;
  request.trainer_spec.hard_vocab_limit = false;
  request.trainer_spec.character_coverage = 1;
  request.normalizer_spec.name = "identity";
  return request;
}

std::string joined(const Result<SentencePieceModel>& model) {
  if (!model.ok()) return "error: " + model.status().message();
  std::string out;
  for (const Piece& piece : model.value().pieces) out += (out.empty() ? "" : " ") + piece.piece;
  return out;
}

template <class Change>
std::string trained(std::vector<std::string> lines, Change change) {
  BpeTrainRequest request = small_request(std::move(lines));
  change(&request);
  return joined(train(request));
}
std::string trained(std::vector<std::string> lines) {
  return trained(std::move(lines), [](BpeTrainRequest*) {});
}

bool equal(const Result<SentencePieceModel>& a, const Result<SentencePieceModel>& b) {
  CHECK_OK(a.status());
  CHECK_OK(b.status());
  return a.ok() && b.ok() && serialize_model(a.value()) == serialize_model(b.value());
}

void check_refused(BpeTrainRequest request, StatusCode code, const std::string& part) {
  const auto model = train(request);
  CHECK_EQ(static_cast<int>(model.status().code()), static_cast<int>(code));
  if (model.status().message().find(part) == std::string::npos)
    test::fail(__FILE__, __LINE__, "message without \"" + part + "\": " + model.status().message());
}

template <class Change>
void check_refused(StatusCode code, const std::string& part, Change change) {
  BpeTrainRequest request = small_request({"hello world"});
  change(&request);
  check_refused(request, code, part);
}

}  // namespace

TEST("train: ties go to fewer code points, then smaller text; a text reached twice is dropped") {
  CHECK_EQ(trained({"abracadabra"}, [](auto* r) { r->normalizer_spec.add_dummy_prefix = false; }),
           "<unk> <s> </s> ab ra abra ad cad abracad abracadabra ac br ca da abr dab rac abrac dabra adabra "
           "cadabra a b r c d");
  CHECK_EQ(trained({"pen", "pineapple", "apple"}),
           "<unk> <s> </s> ap le ▁p app apple en in ine ▁pen ▁pine ▁apple ▁pineapple ea ne pe pi pl pp ▁a "
           "eap ple ▁ap ▁pe ▁pi eapp ▁app "
           "▁pin eapple ineapple p e ▁ a l n i");
  CHECK_EQ(trained({"aaaa", "aaaaaaa"}),
           "<unk> <s> </s> aa aaaa ▁aaaa aaa ▁aaaaaaa ▁a ▁aa aaaaaa ▁aaaaaa a ▁");
}

TEST("train: digits and scripts") {
  const std::vector<std::string> lines = {"12 345 a1", "中1文2"};
  CHECK_EQ(trained(lines, [](auto* r) { r->trainer_spec.split_digits = true; }),
           "<unk> <s> </s> ▁a ▁中 ▁ 1 2 3 4 5 a 中 文");
  CHECK_EQ(trained(lines, [](auto* r) { r->trainer_spec.split_by_number = false; }),
           "<unk> <s> </s> 12 1文 34 a1 ▁中 1文2 345 ▁12 ▁a1 ▁345 ▁中1文2 45 ▁1 ▁3 ▁a 中1 文2 ▁34 中1文 "
           "▁中1文 ▁ 1 2 3 4 5 a 中 文");
  CHECK_EQ(trained(lines), "<unk> <s> </s> 12 34 ▁a ▁中 345 ▁12 ▁345 45 ▁1 ▁3 ▁34 ▁ 1 2 3 4 5 a 中 文");
  CHECK_EQ(trained({"カタカナーかな漢字", "abc漢字"}),
           "<unk> <s> </s> 漢字 ab ▁カ かな カナ abc ▁カタ カナー ▁abc かな漢字 ▁カタカナー "
           "▁カタカナーかな漢字 bc ▁a な漢 カタ タカ ナー ーか ▁ab "
           "な漢字 タカナ ーかな ▁カタカナ カナーかな カナーかな漢字 ▁ カ 字 漢 a b c か な タ ナ ー");
  CHECK_EQ(trained({"e\u0301e\u0301 中\u0301"}),
           "<unk> <s> </s> e\u0301 ▁中 ▁e\u0301 ▁中\u0301 ▁e\u0301e\u0301 \u0301e ▁e 中\u0301 e\u0301e "
           "e\u0301e\u0301 \u0301 e ▁ 中");
}

TEST("train: white space") {
  CHECK_EQ(trained({"a  b  c", "a  b"},
                   [](auto* r) {
                     r->trainer_spec.allow_whitespace_only_pieces = true;
                     r->normalizer_spec.remove_extra_whitespaces = false;
                   }),
           "<unk> <s> </s> ▁▁ ▁a ▁b ▁c ▁ a b c");
  CHECK_EQ(trained({"hello world hello"}, [](auto* r) { r->trainer_spec.treat_whitespace_as_suffix = true; }),
           "<unk> <s> </s> el lo hel lo▁ hello▁ d▁ or ld▁ wor world▁ he ld ll o▁ rl wo ell orl ello hello "
           "orld▁ l o ▁ e h d r w");
  CHECK_EQ(trained({"a b c a b"}, [](auto* r) { r->trainer_spec.split_by_whitespace = false; }),
           "<unk> <s> </s> ▁a ▁b ▁a▁b ▁c ▁a▁b▁c ▁a▁b▁c▁a▁b c▁a c▁a▁b ▁c▁a▁b ▁ a b c");
}

TEST("train: symbols take their ids and cut the text") {
  CHECK_EQ(trained({"你好吗你好", "我你好"},
                   [](auto* r) {
                     r->trainer_spec.user_defined_symbols = {"你好"};
                     r->trainer_spec.pad_id = 3;
                   }),
           "<unk> <s> </s> <pad> 你好 ▁我 ▁ 吗 我");
  CHECK_EQ(trained({"<s>ab</s>", "ab<unk>"}), "<unk> <s> </s> ab ▁ab ▁a a b ▁");
  CHECK_EQ(trained({"ab"},
                   [](auto* r) {
                     TrainerSpec& spec = r->trainer_spec;
                     spec.control_symbols = {"<ctrl>"};
                     spec.pad_id = 0, spec.eos_id = 1, spec.unk_id = 2, spec.bos_id = -1;
                   }),
           "<pad> </s> <unk> <ctrl> ab ▁ab ▁a a b ▁");
  const auto model = train(small_request({"ab ab"}));
  CHECK(model.ok());
  if (!model.ok()) return;
  CHECK_EQ(model.value().pieces[0].type == PieceType::unknown, true);
  CHECK_EQ(model.value().pieces[1].type == PieceType::control, true);
  CHECK_EQ(model.value().pieces[3].score, -0.0f);
  CHECK_EQ(model.value().pieces[4].score, -1.0f);
  CHECK_EQ(model.value().trainer_spec.vocab_size, static_cast<int32_t>(model.value().pieces.size()));
}

TEST("train: files, .tsv frequencies, carriage returns, required characters") {
  const auto from_file = [](const std::string& name, const std::string& text) {
    return trained({}, [&](auto* r) { r->files = {write_file(name, text)}; });
  };
  CHECK_EQ(from_file("a.tsv", "ab\t3\nbc\t5\n"), "<unk> <s> </s> bc ▁bc ab ▁ab ▁a ▁b b ▁ c a");
  CHECK_EQ(from_file("a.txt", "ab\r\nab\r\n"), "<unk> <s> </s> ab ▁ab ▁a \r a b ▁");
  CHECK_EQ(from_file("a.txt", "ab\r\nab\r"), "<unk> <s> </s> ab ▁ab ▁a \r a b ▁");
  CHECK_EQ(trained({"abc", "abd"},
                   [](auto* r) {
                     r->trainer_spec.required_chars = "d";
                     r->trainer_spec.character_coverage = 0.98f;
                   }),
           "<unk> <s> </s> ab ▁ab ▁abc ▁abd bc bd ▁a abc abd a b ▁ c d");
  CHECK_EQ(trained({"ab"}, [](auto* r) { r->trainer_spec.required_chars = "龘"; }),
           "<unk> <s> </s> ab ▁ab ▁a a b ▁ 龘");
}

TEST("train: skipped lines: empty, too long, with U+2585") {
  CHECK_EQ(trained({"", "ab", std::string(11, 'c'), "ab▅"},
                   [](auto* r) { r->trainer_spec.max_sentence_length = 10; }),
           "<unk> <s> </s> ab ▁ab ▁a a b ▁");
}

TEST("train: one, two and five threads give the same model, also when sampling and with whole sentences") {
  const std::string path = write_file("corpus.txt", random_text(1, 40000));
  for (int variant = 0; variant < 4; ++variant) {
    BpeTrainRequest request = small_request({"the last sentence"}, 1500);
    request.files = {path, path};
    request.normalizer_spec.name = "nmt_nfkc";
    if (variant == 1) request.trainer_spec.input_sentence_size = 5000;
    if (variant == 2) request.trainer_spec.split_by_whitespace = false;
    if (variant == 3) {
      request.trainer_spec.split_by_whitespace = false;
      request.trainer_spec.input_sentence_size = 3000;
    }
    request.threads = 1;
    const auto one = train(request);
    request.threads = 2;
    CHECK(equal(one, train(request)));
    request.threads = 5;
    CHECK(equal(one, train(request)));
  }
}

TEST("train: sampling takes part of the lines, without shuffling the first ones") {
  BpeTrainRequest request = small_request({}, 2000);
  for (uint32_t i = 0; i < 500; ++i) {
    std::string line;
    append_utf8(0x4E00 + i, &line);
    request.sentences.push_back(line);
  }
  request.normalizer_spec.add_dummy_prefix = false;
  request.trainer_spec.input_sentence_size = 150;
  const auto shuffled = train(request);
  CHECK(shuffled.ok() && shuffled.value().pieces.size() == 153);
  request.trainer_spec.shuffle_input_sentence = false;
  const auto first = train(request);
  CHECK(first.ok() && first.value().pieces.size() == 153 &&
        first.value().pieces.back().piece == "\xE4\xBA\x95");  // U+4E95
  CHECK(joined(shuffled) != joined(first));
}

TEST("train: what was trained can be saved, read back and used") {
  BpeTrainRequest request = small_request({"hello world", "hello there"});
  request.normalizer_spec.name = "nmt_nfkc";
  request.trainer_spec.byte_fallback = true;
  request.trainer_spec.vocab_size = 320;
  auto model = train(request);
  CHECK_OK(model.status());
  if (!model.ok()) return;
  const std::string bytes = serialize_model(model.value());
  auto read = parse_model({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  CHECK_OK(read.status());
  if (!read.ok()) return;
  CHECK_EQ(serialize_model(read.value()), bytes);
  CHECK_EQ(read.value().normalizer_spec.name, "nmt_nfkc");
  auto tokenizer = SentencePieceTokenizer::create(read.take());
  CHECK_OK(tokenizer.status());
  if (!tokenizer.ok()) return;
  std::vector<int32_t> ids;
  CHECK_OK(tokenizer.value()->encode("ｈｅｌｌｏ　ｗｏｒｌｄ", &ids));
  CHECK_EQ(ids.size(), size_t{2});
  CHECK_EQ(tokenizer.value()->decode(ids), "hello world");
}

TEST("train: progress runs through its phases and ends with done") {
  BpeTrainRequest request = small_request({}, 800);
  request.files = {write_file("corpus.txt", random_text(2, 30000))};
  request.threads = 2;
  using Phase = BpeTrainProgress::Phase;
  Phase last = Phase::read;
  int reports[4] = {};
  const std::atomic<bool> stop{false};
  const auto model = train_bpe(request, stop, [&](const BpeTrainProgress& progress) {
    CHECK(progress.phase >= last);
    CHECK(progress.done <= progress.total);
    last = progress.phase;
    ++reports[static_cast<int>(progress.phase)];
  });
  CHECK_OK(model.status());
  CHECK(last == Phase::done);
  CHECK(reports[0] > 0 && reports[1] > 0 && reports[2] > 2);
  CHECK_EQ(reports[3], 1);
}

TEST("train: the stop flag saves what is left to do, in every phase") {
  using Phase = BpeTrainProgress::Phase;
  BpeTrainRequest request = small_request({}, 20000);
  const std::string path = write_file("corpus.txt", random_text(3, 60000));
  request.files = {path, path, path};
  // In processor time of all threads: whatever else the machine does, it counts for nothing.
  const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  double began[4] = {};
  std::atomic<bool> stop{false};
  const auto whole = train_bpe(request, stop, [&](const BpeTrainProgress& progress) {
    double& first = began[static_cast<size_t>(progress.phase)];
    if (first == 0) first = seconds();
  });
  const double end = seconds();
  CHECK_OK(whole.status());
  for (const Phase when : {Phase::read, Phase::count, Phase::merge}) {
    stop = false;
    double stopped = 0;
    const auto model = train_bpe(request, stop, [&](const BpeTrainProgress& progress) {
      if (progress.phase != when || stop) return;
      stopped = seconds();
      stop = true;
    });
    const double late = seconds() - stopped, left = end - began[static_cast<size_t>(when)];
    CHECK_EQ(static_cast<int>(model.status().code()), static_cast<int>(StatusCode::aborted));
    CHECK(model.status().message().find("training was stopped") == 0);
    CHECK(late < left / 4);
    std::cout << "    " << late << " s of " << left << " s\n";
  }
}

TEST("train: bad options are refused by name, value and range") {
  const auto refused = [](const std::string& part, auto change) {
    check_refused(StatusCode::invalid_argument, part, change);
  };
  refused("no training text: give files or sentences", [](auto* r) { r->sentences.clear(); });
  refused("vocab_size is 0: give 1 to 1000000", [](auto* r) { r->trainer_spec.vocab_size = 0; });
  refused("character_coverage is 0.970000: give 0.98 to 1",
          [](auto* r) { r->trainer_spec.character_coverage = 0.97f; });
  refused("character_coverage is nan", [](auto* r) { r->trainer_spec.character_coverage = std::nanf(""); });
  refused("max_sentencepiece_length is 513: give 1 to 512",
          [](auto* r) { r->trainer_spec.max_sentencepiece_length = 513; });
  refused("max_sentence_length is 9: give 10 to 1073741824",
          [](auto* r) { r->trainer_spec.max_sentence_length = 9; });
  refused("input_sentence_size is 100: give 0 (all sentences) or more than 100",
          [](auto* r) { r->trainer_spec.input_sentence_size = 100; });
  refused("threads is -1: give 0 to 1024", [](auto* r) { r->threads = -1; });
  refused("escape_whitespaces is false", [](auto* r) { r->normalizer_spec.escape_whitespaces = false; });
  refused("normalization rule \"nfx\" is not known", [](auto* r) { r->normalizer_spec.name = "nfx"; });
  refused("required_chars is not valid UTF-8", [](auto* r) { r->trainer_spec.required_chars = "\xFF"; });
  refused("bos_piece holds an empty piece", [](auto* r) { r->trainer_spec.bos_piece.clear(); });
  refused("control_symbols holds \"a\\x00b\"",
          [](auto* r) { r->trainer_spec.control_symbols = {std::string("a\0b", 3)}; });
  refused("unk_id is -1: a model needs an unknown piece", [](auto* r) { r->trainer_spec.unk_id = -1; });
  refused("pad_id is 60, outside the vocabulary of 60", [](auto* r) { r->trainer_spec.pad_id = 60; });
  refused("pad_id is 2, the id of \"</s>\"", [](auto* r) { r->trainer_spec.pad_id = 2; });
  refused("the symbol \"x\" is defined twice", [](auto* r) {
    r->trainer_spec.user_defined_symbols = {"x", "x"};
  });
  refused("\"<unk>\" is the unknown piece", [](auto* r) { r->trainer_spec.control_symbols = {"<unk>"}; });
  refused("the piece \"<s>\" has two ids", [](auto* r) { r->trainer_spec.eos_piece = "<s>"; });
  refused("the piece \"d\" is both a symbol and a required character", [](auto* r) {
    r->trainer_spec.user_defined_symbols = {"d"};
    r->trainer_spec.required_chars = "d";
  });
  refused("the piece \"<pad>\" has id 59 but only", [](auto* r) { r->trainer_spec.pad_id = 59; });
}

TEST("train: a vocabulary too small or too large says which size works") {
  check_refused(StatusCode::invalid_argument,
                "the alphabet (8 characters) and the symbols (3) alone take 11: give vocab_size at least 11",
                [](auto* r) { r->trainer_spec.vocab_size = 10; });
  BpeTrainRequest request = small_request({"pen", "pineapple", "apple"}, 500);
  request.trainer_spec.hard_vocab_limit = true;
  check_refused(request, StatusCode::invalid_argument,
                "this corpus gives at most 39 pieces: give vocab_size 39 or less");
  request.trainer_spec.vocab_size = 39;
  CHECK_OK(train(request).status());
  request.trainer_spec.vocab_size = 40;
  check_refused(request, StatusCode::invalid_argument, "at most 39 pieces");
}

TEST("train: missing and empty input") {
  check_refused(StatusCode::not_found, "/nowhere/corpus.txt",
                [](auto* r) { r->files = {"/nowhere/corpus.txt"}; });
  check_refused(StatusCode::io, "not a regular file", [](auto* r) { r->files = {test::temporary_folder()}; });
  for (const std::string& text : {std::string(), std::string("\n\n\n"), std::string(" \n  \n")})
    check_refused(StatusCode::invalid_data, "the corpus holds no sentence to learn from", [&](auto* r) {
      r->sentences.clear();
      r->files = {write_file("empty.txt", text)};
    });
  const auto refused_tsv = [](const std::string& text, const std::string& part) {
    check_refused(StatusCode::invalid_data, part, [&](auto* r) { r->files = {write_file("bad.tsv", text)}; });
  };
  refused_tsv("ab\t1\nab\n", "bad.tsv line 2: \"ab\" is not text, one tab and a frequency");
  refused_tsv("ab\t1\tc\n", "line 1");
  refused_tsv("ab\t0\n", "line 1");
  refused_tsv("ab\t-5\n", "line 1");
  refused_tsv("ab\t1099511627777\n", "frequency from 1 to 2^40");
  refused_tsv("ab\t99999999999999999999999\n", "line 1");
}

TEST("train: bytes that are no UTF-8 become U+FFFD, U+0000 stays out of every piece") {
  CHECK_EQ(trained({"ab\xFF", "ab\xFF"}), "<unk> <s> </s> ab ▁ab ▁a a b ▁ \xEF\xBF\xBD");
  const std::string with_nul = trained({std::string("ab\0ab", 5)});
  CHECK_EQ(with_nul, "<unk> <s> </s> ab ▁ab ▁a a b ▁");
}
