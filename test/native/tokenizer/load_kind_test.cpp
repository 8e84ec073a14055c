// Which kind of file a tokenizer is read from is told by its first bytes.
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

TEST("load: a model whose first piece makes it begin with a line break and a brace is a model") {
  SentencePieceModel model = small_model({piece_of("a", -1)});
  model.trainer_spec.unk_piece = model.pieces[0].piece = "<" + std::string(112, 'u') + ">";
  const std::string bytes = tokenizer_of(model)->serialize();
  CHECK(bytes.starts_with("\n{"));
  const auto made = parse_tokenizer(as_bytes(bytes));
  CHECK_OK(made.status());
  if (made.ok()) CHECK(made.value()->sentencepiece() != nullptr);
}

TEST("load: an object is a tokenizer.json whatever white space it begins with") {
  const std::string body = R"("model":{"vocab":{"a":0},"merges":[]}})";
  for (const char* before : {"{", "\n{", " \r\n\t{", "\n{\n\t ", "{ "}) {
    const std::string json = before + body;
    const auto made = parse_tokenizer(as_bytes(json));
    CHECK_OK(made.status());
    if (made.ok()) CHECK(made.value()->tokenizer_json() != nullptr);
  }
  // A broken one is told as such.
  for (const char* broken : {"{'model'", "{", "\n{}", "\n{ \"a\""}) {
    const auto made = parse_tokenizer(as_bytes(broken));
    CHECK(!made.ok() && contains(made.status().message(), "tokenizer.json"));
  }
}
