// Pieces as people read them.
#include "native/tokenizer/export/readable_piece.h"

#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::string shown(const Tokenizer& tokenizer, int32_t id) {
  const ReadablePiece piece = readable_piece(tokenizer, id);
  return piece.text + " " + std::to_string(static_cast<int>(piece.type));
}

}  // namespace

TEST("readable piece: of a byte-level file the text of its bytes, what is no character as bytes") {
  const std::string flags = R"("lstrip":false,"rstrip":false,"single_word":false,"normalized":false,)";
  const std::string json =
      R"({"model":{"type":"BPE","vocab":{"a":0,"Ġthe":1,"ä¸Ń":2,"ä¸":3,"Ńa":4,"ĠĠĊ":5,"中":6,"▁":7},"merges":[]},)"
      R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},)"
      R"("decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},)"
      R"("added_tokens":[{)" +
      flags + R"("id":8,"content":"Ġ<x>","special":true},{)" + flags +
      R"("id":9,"content":"Ġy","special":false}]})";
  const auto parsed = parse_tokenizer({reinterpret_cast<const uint8_t*>(json.data()), json.size()});
  CHECK_OK(parsed.status());
  if (!parsed.ok()) return;
  const Tokenizer& tokenizer = *parsed.value();
  std::vector<std::string> pieces;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) pieces.push_back(shown(tokenizer, id));
  // A character outside the alphabet stands for itself; added tokens are text as they are.
  CHECK(pieces == (std::vector<std::string>{"a 1", "▁the 1", "中 1", "<0xE4><0xB8> 6", "<0xAD>a 6", "▁▁\n 1",
                                            "中 1", "▁ 1", "Ġ<x> 3", "Ġy 4"}));
}

TEST("readable piece: of other files the piece itself") {
  SentencePieceModel model = small_model({piece_of("▁Ġ", -1), piece_of("é", -2, PieceType::user_defined)});
  add_byte_pieces(&model);
  const auto tokenizer = tokenizer_of(model);
  if (!tokenizer) return;
  CHECK_EQ(shown(*tokenizer, 0), "<unk> 2");
  CHECK_EQ(shown(*tokenizer, 3), "▁Ġ 1");
  CHECK_EQ(shown(*tokenizer, 4), "é 4");
  CHECK_EQ(shown(*tokenizer, 5), "<0x00> 6");
}
