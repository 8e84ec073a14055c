#include "native/tokenizer/json/json_tokenizer.h"

#include <algorithm>
#include <initializer_list>
#include <set>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/json/byte_level.h"
#include "native/tokenizer/json/json_text.h"
#include "native/tokenizer/json/json_tokenizer_state.h"
#include "native/tokenizer/json/tiktoken_ranks.h"

namespace belle::tokenizer {
namespace {

// What is sought for each added token: itself, or what the normaliser makes of it.
Status sought_strings(const TokenizerJson& json, std::vector<std::string>* out) {
  size_t raw = 0, bytes = 0;
  for (const AddedToken& token : json.added) raw += token.content.size();
  // A normalizer doubles a text, or triples it where spaces become U+2581: what grows past that was made to.
  const size_t limit = std::min(TokenizerJson::kMaxAddedBytes, (1u << 20) + 4 * raw);
  const Status too_much(StatusCode::invalid_data,
                        "tokenizer.json: the normalizer lets the added tokens grow past " +
                            std::to_string(limit) + " bytes; give them \"normalized\": false");
  TextStage stage(false, TextStage::most_bytes(raw));
  for (const AddedToken& token : json.added) {
    TextPart part{token.content};
    if (token.normalized) {
      const auto normal = stage.normalize(json.normalizer, part);
      if (!normal.ok()) return too_much;
      part = normal.value();
    }
    if (part.text.empty())
      return Status(StatusCode::unsupported,
                    "tokenizer.json: the added token \"" + printable(token.content) +
                        "\" is empty once normalised; give it \"normalized\": false");
    bytes += part.text.size();
    if (bytes > limit) return too_much;
    out->emplace_back(part.text);
  }
  return {};
}

// Of the merges those that can happen: both parts are characters or made by such merges. RankedEncoder takes
// what no merge makes for a character, which would give a whole made of it two spellings.
RankedEncoder encoder_of(const TokenizerJson& json) {
  const auto ids = static_cast<size_t>(json.vocabulary.size());
  const auto text = [&](uint32_t id) { return json.vocabulary.text(static_cast<int32_t>(id)); };
  std::vector<bool> made(ids);
  const auto occurs = [&](uint32_t id) {
    return made[id] || decode_utf8(text(id)).length == text(id).size();
  };
  const auto happens = [&](const RankedPair& pair) { return occurs(pair.left) && occurs(pair.right); };
  for (const RankedPair& pair : json.merges) made[pair.result] = true;
  if (std::all_of(json.merges.begin(), json.merges.end(), happens))
    return RankedEncoder(ids, json.merges, json.ranks);
  // Parts are shorter than what they make, so the merges that make short pieces are looked at first.
  std::vector<size_t> order(json.merges.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return text(json.merges[a].result).size() < text(json.merges[b].result).size();
  });
  made.assign(ids, false);
  for (const size_t i : order)
    if (happens(json.merges[i])) made[json.merges[i].result] = true;
  std::vector<RankedPair> merges;
  std::vector<uint32_t> ranks;
  for (size_t i = 0; i < json.merges.size(); ++i) {
    if (!happens(json.merges[i])) continue;
    merges.push_back(json.merges[i]);
    if (!json.ranks.empty()) ranks.push_back(json.ranks[i]);
  }
  return RankedEncoder(ids, merges, ranks);
}

void fill_atoms(const TokenizerJson& json, std::array<int32_t, 256>* byte_level,
                std::vector<int32_t>* plane) {
  std::string text;
  if (json.byte_level()) {
    for (size_t byte = 0; byte < 256; ++byte) {
      text.clear();
      append_utf8(byte_level_character(static_cast<uint8_t>(byte)), &text);
      (*byte_level)[byte] = json.vocabulary.find(text);
    }
    return;
  }
  plane->assign(0x10000, -1);
  for (int32_t id = 0; id < json.vocabulary.size(); ++id) {
    if (!json.vocabulary.has(id)) continue;
    const std::string_view piece = json.vocabulary.text(id);
    if (piece.empty() || piece.size() > 3) continue;
    const Utf8Char c = decode_utf8(piece);
    if (c.valid && c.length == piece.size()) (*plane)[c.code_point] = id;
  }
}

int32_t special_named(const TokenizerJson& json, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    for (const AddedToken& token : json.added)
      if (token.special && token.content == name) return token.id;
  return -1;
}

}  // namespace

JsonTokenizer::JsonTokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonTokenizer::~JsonTokenizer() = default;

Result<std::unique_ptr<JsonTokenizer>> JsonTokenizer::parse(std::string_view json) {
  BELLE_ASSIGN(TokenizerJson parsed, parse_tokenizer_json(json));
  return create(std::move(parsed));
}

Result<std::unique_ptr<JsonTokenizer>> JsonTokenizer::from_tiktoken(
    std::string_view ranks_file, const std::string& splitter, const std::map<std::string, int32_t>& special) {
  BELLE_ASSIGN(TokenizerJson json, read_tiktoken_ranks(ranks_file, splitter, special));
  return create(std::move(json));
}

Result<std::unique_ptr<JsonTokenizer>> JsonTokenizer::create(TokenizerJson json) {
  auto state = std::make_unique<State>();
  std::vector<std::string> sought;
  BELLE_TRY(sought_strings(json, &sought));
  state->raw_added = AddedTokens(json.added, sought, false);
  state->normalized_added = AddedTokens(json.added, sought, true);
  state->encoder = encoder_of(json);
  fill_atoms(json, &state->byte_level_atoms, &state->plane_atoms);
  for (size_t byte = 0; byte < 256; ++byte)
    state->byte_pieces[byte] = json.vocabulary.find(byte_piece(static_cast<uint8_t>(byte)));
  int32_t size = json.vocabulary.size();
  for (const AddedToken& token : json.added) size = std::max(size, token.id + 1);
  state->added_by_id.assign(static_cast<size_t>(size), -1);
  std::set<std::string_view> special;
  for (const AddedToken& token : json.added)
    if (token.special) special.insert(token.content);
  for (const std::string& shown : sought) state->added_skipped.push_back(special.contains(shown));
  state->added_shown = std::move(sought);
  for (size_t i = 0; i < json.added.size(); ++i)
    state->added_by_id[static_cast<size_t>(json.added[i].id)] = static_cast<int32_t>(i);
  state->split = only_split(json.pre_tokenizer);
  state->words_owner = std::make_shared<char>();
  for (size_t i = 0; i < json.pre_tokenizer.size(); ++i) {
    const PreTokenizerStep& step = json.pre_tokenizer[i];
    if (step.kind == PreTokenizerStep::Kind::metaspace && step.prepend_scheme == PrependScheme::first)
      state->needs_origins |= i > 0 || !json.normalizer.empty();
  }
  state->bos = json.template_prefix.empty()
                   ? special_named(json, {"<s>", "<|begin_of_text|>", "<|startoftext|>", "<bos>", "[BOS]"})
                   : json.template_prefix.front();
  state->eos = json.template_suffix.empty()
                   ? special_named(json, {"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>", "[EOS]"})
                   : json.template_suffix.back();
  state->pad = special_named(json, {"<pad>", "<|pad|>", "[PAD]", "<|padding|>"});
  state->json = std::move(json);
  for (const AddedToken& token : state->json.added) state->added_by_text.emplace(token.content, token.id);
  return std::unique_ptr<JsonTokenizer>(new JsonTokenizer(std::move(state)));
}

int32_t JsonTokenizer::vocab_size() const { return static_cast<int32_t>(state_->added_by_id.size()); }

std::string_view JsonTokenizer::piece(int32_t id) const {
  if (const AddedToken* token = state_->added(id)) return token->content;
  return state_->json.vocabulary.has(id) ? state_->json.vocabulary.text(id) : std::string_view();
}

JsonPieceKind JsonTokenizer::kind(int32_t id) const {
  const AddedToken* token = state_->added(id);
  if (!token && !state_->json.vocabulary.has(id)) return JsonPieceKind::absent;
  if (id == unk_id()) return JsonPieceKind::unknown;
  if (token) return token->special ? JsonPieceKind::special : JsonPieceKind::added;
  const bool is_byte = state_->json.byte_fallback && byte_of_piece(state_->json.vocabulary.text(id)) >= 0;
  return is_byte ? JsonPieceKind::byte : JsonPieceKind::normal;
}

int32_t JsonTokenizer::piece_id(std::string_view piece) const {
  const auto found = state_->added_by_text.find(piece);
  return found != state_->added_by_text.end() ? found->second : state_->json.vocabulary.find(piece);
}

int32_t JsonTokenizer::bos_id() const { return state_->bos; }
int32_t JsonTokenizer::eos_id() const { return state_->eos; }
int32_t JsonTokenizer::pad_id() const { return state_->pad; }
int32_t JsonTokenizer::unk_id() const {
  if (state_->json.has_unk) return state_->json.unk_id;
  return special_named(state_->json, {"<unk>", "[UNK]", "<|unk|>"});
}
const TokenizerJson& JsonTokenizer::json() const { return state_->json; }

}  // namespace belle::tokenizer
