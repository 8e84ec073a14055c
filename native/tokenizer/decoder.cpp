#include "native/tokenizer/decoder.h"

#include <string_view>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"

namespace belle::tokenizer {

namespace {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581

void append_bytes(std::string* run, std::string* text) {
  for (std::string_view rest = *run; !rest.empty();) {
    const Utf8Char c = decode_utf8(rest);
    text->append(c.valid ? rest.substr(0, c.length) : "\xEF\xBF\xBD");
    rest.remove_prefix(c.length);
  }
  run->clear();
}

void append_with_spaces(std::string_view piece, std::string* text) {
  for (size_t found; (found = piece.find(kSpaceSymbol)) != std::string_view::npos;) {
    text->append(piece.substr(0, found)).push_back(' ');
    piece.remove_prefix(found + kSpaceSymbol.size());
  }
  text->append(piece);
}

}  // namespace

std::string decode_ids(const SentencePieceModel& model, std::span<const int32_t> ids) {
  const NormalizerSpec& spec = model.normalizer_spec;
  const bool strips = spec.add_dummy_prefix || spec.remove_extra_whitespaces;
  std::string text, bytes;
  bool at_start = true;          // nothing but stripped and empty pieces so far
  bool stripped_prefix = false;  // the piece before gave up the dummy prefix
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= model.pieces.size()) continue;
    const Piece& piece = model.pieces[static_cast<size_t>(id)];
    if (piece.type == PieceType::byte) {
      bytes.push_back(static_cast<char>(byte_of_piece(piece.piece)));
      continue;
    }
    append_bytes(&bytes, &text);
    if (stripped_prefix || !text.empty()) at_start = false;
    stripped_prefix = false;
    if (piece.type == PieceType::control) continue;
    if (piece.type == PieceType::unknown) {
      text += model.trainer_spec.unk_surface;
      continue;
    }
    std::string_view rest = piece.piece;
    if (at_start && strips && rest.starts_with(kSpaceSymbol)) {
      rest.remove_prefix(kSpaceSymbol.size());
      // Only the dummy prefix is one of a kind; removed white space may span pieces.
      stripped_prefix = !spec.remove_extra_whitespaces;
    }
    append_with_spaces(rest, &text);
  }
  append_bytes(&bytes, &text);
  return text;
}

}  // namespace belle::tokenizer
