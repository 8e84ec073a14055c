// Every reference encoding of sentencepiece 0.2.2: ids equal and decoded text equal.
#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

void check_goldens(const std::string& name, const Tokenizer& tokenizer, bool encodes) {
  size_t wrong_ids = 0, wrong_text = 0;
  const size_t rows = each_golden(name, [&](const Json& row) {
    std::vector<int32_t> expected, ids;
    for (const Json& id : *row.find("ids")->array()) expected.push_back(static_cast<int32_t>(*id.integer()));
    if (encodes) {
      CHECK_OK(tokenizer.encode(*row.find("text")->string(), &ids));
      if (ids != expected && wrong_ids++ < 3)
        test::fail(__FILE__, __LINE__, "ids of: " + *row.find("text")->string());
    }
    const std::string text = tokenizer.decode(expected);
    if (text != *row.find("decoded")->string() && wrong_text++ < 3)
      test::fail(__FILE__, __LINE__,
                 "decoded \"" + text + "\" for \"" + *row.find("decoded")->string() + "\"");
  });
  CHECK_EQ(rows, size_t{4381});
  CHECK_EQ(wrong_ids, size_t{0});
  CHECK_EQ(wrong_text, size_t{0});
}

std::unique_ptr<Tokenizer> load(const std::string& model) {
  const std::string path = shared_model(model);
  if (path.empty()) return nullptr;
  auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  return tokenizer.ok() ? tokenizer.take() : nullptr;
}

// The LLaMA model with the rows of a merged vocabulary.
std::unique_ptr<Tokenizer> merged(const std::string& rows_name) {
  const auto llama = load("llama/tokenizer.model");
  if (!llama) return nullptr;
  SentencePieceModel model = *llama->sentencepiece();
  size_t row_index = 0;
  each_golden(rows_name, [&](const Json& row) {
    const Json::Array& cells = *row.array();
    double score = 0;
    cells[1].number(&score);
    Piece piece;
    piece.piece = *cells[0].string();
    piece.score = static_cast<float>(score);
    piece.type = static_cast<PieceType>(*cells[2].integer());
    if (row_index < model.pieces.size())
      CHECK_EQ(piece.piece, model.pieces[row_index].piece);
    else
      model.pieces.push_back(piece);
    ++row_index;
  });
  auto tokenizer = SentencePieceTokenizer::create(std::move(model));
  CHECK_OK(tokenizer.status());
  return tokenizer.ok() ? std::unique_ptr<Tokenizer>(tokenizer.take()) : nullptr;
}

}  // namespace

TEST("encode golden: llama") {
  if (const auto t = load("llama/tokenizer.model")) check_goldens("encode-llama.jsonl.gz", *t, true);
}
TEST("encode golden: chinese-llama-2") {
  if (const auto t = load("chinese-llama-2/tokenizer.model"))
    check_goldens("encode-chinese-llama-2.jsonl.gz", *t, true);
}
TEST("encode golden: chinese_sp merged into LLaMA with score 0") {
  if (const auto t = merged("merge-score0.vocab.jsonl.gz")) {
    CHECK_EQ(t->vocab_size(), 49953);
    check_goldens("encode-merge-score0.jsonl.gz", *t, true);
  }
}
TEST("encode golden: a BPE model merged into LLaMA with its own scores") {
  if (const auto t = merged("merge-own-scores.vocab.jsonl.gz")) {
    CHECK_EQ(t->vocab_size(), 50710);
    check_goldens("encode-merge-own-scores.jsonl.gz", *t, true);
  }
}
TEST("decode golden: the UNIGRAM chinese_sp") {
  if (const auto t = load("chinese-llama/chinese_sp.model"))
    check_goldens("encode-chinese-sp-unigram.jsonl.gz", *t, false);
}
