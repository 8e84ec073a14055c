#include "native/tokenizer/json/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <set>

#include "native/core/json_reader.h"
#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/json/tokenizer_json_parts.h"

namespace belle::tokenizer {
namespace {

Status unsupported(const std::string& what) { return Status(StatusCode::unsupported, what); }

class Loader {
 public:
  explicit Loader(std::string_view text) : reader_(text) {}

  Result<TokenizerJson> load() {
    BELLE_TRY(reader_.enter_object());
    std::set<std::string> seen;
    bool found = false;
    for (std::string key;;) {
      BELLE_TRY(reader_.next_member(&key, &found));
      if (!found) break;
      if (!seen.insert(key).second) return reader_.blame("the key \"" + printable(key) + "\" is there twice");
      BELLE_TRY(member(key));
    }
    BELLE_TRY(reader_.finish());
    if (!seen.contains("model"))
      return Status(StatusCode::invalid_data, "\"model\" is missing: this is no tokenizer.json");
    BELLE_TRY(number_added());
    BELLE_TRY(check_template());
    return std::move(out_);
  }

 private:
  Status member(const std::string& key) {
    if (key == "model") return model();
    if (key == "added_tokens") return added_tokens();
    if (key == "version") return reader_.skip();
    if (key == "truncation" || key == "padding") {
      if (reader_.kind() == JsonKind::null) return reader_.null();
      return unsupported("\"" + key +
                         "\" is set; set it to null: texts are cut and padded by the data pipeline");
    }
    std::string_view raw;
    if (key == "normalizer") return take(&raw) ? parse_normalizer(raw, &out_) : failed_;
    if (key == "pre_tokenizer") return take(&raw) ? parse_pre_tokenizer(raw, &out_) : failed_;
    if (key == "decoder") return take(&raw) ? parse_decoder(raw, &out_) : failed_;
    if (key == "post_processor") return take(&raw) ? parse_post_processor(raw, &out_) : failed_;
    return unsupported("the key \"" + printable(key) + "\" is not known");
  }

  bool take(std::string_view* raw) {
    failed_ = reader_.skip(raw);
    return failed_.ok();
  }

  Status model() {
    BELLE_TRY(reader_.enter_object());
    std::set<std::string> seen;
    size_t merges_at = 0;  // merges that stood before the vocabulary
    bool found = false;
    for (std::string key;;) {
      BELLE_TRY(reader_.next_member(&key, &found));
      if (!found) break;
      if (!seen.insert(key).second) return reader_.blame("the key \"" + printable(key) + "\" is there twice");
      if (key == "merges" && !seen.contains("vocab")) {
        merges_at = reader_.mark();
        BELLE_TRY(reader_.skip());
      } else {
        BELLE_TRY(model_member(key));
      }
    }
    if (!seen.contains("vocab") || !seen.contains("merges"))
      return Status(StatusCode::invalid_data, "\"model\" lacks \"vocab\" or \"merges\": it is no BPE model");
    if (merges_at > 0) {
      const size_t end = reader_.mark();
      reader_.rewind(merges_at);
      BELLE_TRY(merges());
      reader_.rewind(end);
    }
    if (out_.has_unk) out_.unk_id = out_.vocabulary.find(out_.unk_token);
    return check_parts();
  }

  // RankedEncoder takes every id to be spelt in one way. Byte pieces and an unk_token of several characters
  // stand for text they do not spell: joined to others, that text and their own letters would be two ways.
  Status check_parts() {
    for (const RankedPair& merge : out_.merges)
      for (const uint32_t part : {merge.left, merge.right}) {
        const auto id = static_cast<int32_t>(part);
        const std::string_view text = out_.vocabulary.text(id);
        const bool is_unk = id == out_.unk_id && decode_utf8(text).length < text.size();
        if (!is_unk && !(out_.byte_fallback && byte_of_piece(text) >= 0)) continue;
        return unsupported("\"merges\" join \"" + printable(text) + "\", which is " +
                           (is_unk ? "the unk_token" : "a byte piece") +
                           ", to others, which is not supported; take those merges out");
      }
    return {};
  }

  Status model_member(const std::string& key) {
    if (key == "vocab") return vocabulary();
    if (key == "merges") return merges();
    if (key == "type") {
      BELLE_TRY(reader_.string(&text_));
      if (text_ == "BPE") return {};
      return unsupported(
          "the model type \"" + printable(text_) +
          "\" is not supported, only BPE; a Unigram model can be read from its sentencepiece file");
    }
    if (key == "dropout") return reader_.skip();  // of training; here encoding is without it
    if (key == "fuse_unk") return flag(&out_.fuse_unk);
    if (key == "byte_fallback") return flag(&out_.byte_fallback);
    if (key == "ignore_merges") return flag(&out_.ignore_merges);
    if (key == "unk_token") return optional_text(&out_.has_unk, &out_.unk_token);
    if (key == "continuing_subword_prefix" || key == "end_of_word_suffix") {
      bool has = false;
      BELLE_TRY(optional_text(&has, &text_));
      if (text_.empty()) return {};
      return unsupported("\"" + key + "\" is \"" + printable(text_) +
                         "\", which is not supported, only null or \"\"");
    }
    return unsupported("the key \"" + printable(key) + "\" of \"model\" is not known to a BPE model");
  }

  Status flag(bool* out) {
    if (reader_.kind() == JsonKind::null) return reader_.null();
    return reader_.boolean(out);
  }

  Status optional_text(bool* has, std::string* out) {
    out->clear();
    *has = reader_.kind() != JsonKind::null;
    return *has ? reader_.string(out) : reader_.null();
  }

  Status vocabulary() {
    if (reader_.kind() == JsonKind::array)
      return unsupported(
          "\"vocab\" is an array, as of a Unigram model; only BPE is supported; read the model's "
          "sentencepiece file instead");
    BELLE_TRY(reader_.enter_object());
    bool found = false;
    int64_t id = 0;
    for (std::string piece;;) {
      BELLE_TRY(reader_.next_member(&piece, &found));
      if (!found) return {};
      BELLE_TRY(reader_.integer(&id));
      const Status added = out_.vocabulary.add(piece, id);
      if (!added.ok()) return reader_.blame(added.message());
    }
  }

  Status merges() {
    BELLE_TRY(reader_.enter_array());
    std::string left, right;
    bool found = false, first = true, arrays = false;
    for (;;) {
      BELLE_TRY(reader_.next_element(&found));
      if (!found) break;
      const bool is_array = reader_.kind() == JsonKind::array;
      if (first) arrays = is_array;
      first = false;
      if (is_array != arrays) return reader_.blame("\"merges\" mixes strings and arrays");
      if (is_array) {
        BELLE_TRY(merge_array(&left, &right));
      } else {
        BELLE_TRY(reader_.string(&text_));
        if (text_.starts_with("#version")) continue;
        const size_t space = text_.find(' ');
        if (space == text_.npos || text_.find(' ', space + 1) != text_.npos)
          return reader_.blame("the merge \"" + printable(text_) +
                               "\" is not two pieces with one space between");
        left.assign(text_, 0, space);
        right.assign(text_, space + 1);
      }
      BELLE_TRY(add_merge(left, right));
    }
    out_.merges.shrink_to_fit();
    return {};
  }

  Status merge_array(std::string* left, std::string* right) {
    BELLE_TRY(reader_.enter_array());
    bool found = false;
    for (std::string* piece : {left, right}) {
      BELLE_TRY(reader_.next_element(&found));
      if (!found) return reader_.blame("a merge of fewer than two pieces");
      BELLE_TRY(reader_.string(piece));
    }
    BELLE_TRY(reader_.next_element(&found));
    return found ? reader_.blame("a merge of more than two pieces") : Status();
  }

  Status add_merge(const std::string& left, const std::string& right) {
    if (left.empty() || right.empty()) return reader_.blame("a merge with an empty piece joins nothing");
    const std::string whole = left + right;
    std::array<uint32_t, 3> ids{};
    size_t n = 0;
    for (const std::string* piece : {&left, &right, &whole}) {
      const int32_t id = out_.vocabulary.find(*piece);
      if (id < 0)
        return reader_.blame("a merge needs the piece \"" + printable(*piece) +
                             "\", which is not in the vocabulary");
      ids[n++] = static_cast<uint32_t>(id);
    }
    out_.merges.push_back({ids[0], ids[1], ids[2]});
    return {};
  }

  Status added_tokens() {
    if (reader_.kind() == JsonKind::null) return reader_.null();
    BELLE_TRY(reader_.enter_array());
    size_t bytes = 0;
    for (bool found = false;;) {
      BELLE_TRY(reader_.next_element(&found));
      if (!found) return {};
      AddedToken token;
      BELLE_TRY(added_token(&token));
      bytes += token.content.size();
      if (bytes > TokenizerJson::kMaxAddedBytes)
        return reader_.blame("the contents of the added tokens are over 4 MiB in all");
      if (!token.content.empty()) out_.added.push_back(std::move(token));  // Hugging Face ignores empty ones
    }
  }

  Status added_token(AddedToken* token) {
    BELLE_TRY(reader_.enter_object());
    const std::pair<const char*, bool*> flags[] = {{"special", &token->special},
                                                   {"lstrip", &token->lstrip},
                                                   {"rstrip", &token->rstrip},
                                                   {"single_word", &token->single_word},
                                                   {"normalized", &token->normalized}};
    std::set<std::string> seen;
    int64_t id = -1;
    bool found = false;
    for (std::string key;;) {
      BELLE_TRY(reader_.next_member(&key, &found));
      if (!found) break;
      if (!seen.insert(key).second) return reader_.blame("the key \"" + printable(key) + "\" is there twice");
      const auto* known =
          std::find_if(std::begin(flags), std::end(flags), [&](auto& f) { return key == f.first; });
      if (key == "content")
        BELLE_TRY(reader_.string(&token->content));
      else if (key == "id")
        BELLE_TRY(reader_.integer(&id));
      else if (known != std::end(flags))
        BELLE_TRY(reader_.boolean(known->second));
      else
        return reader_.blame("the key \"" + printable(key) + "\" of an added token is not known");
    }
    if (seen.size() != std::size(flags) + 2)
      return reader_.blame(
          "an added token lacks one of id, content, special, lstrip, rstrip, single_word, normalized");
    if (id < 0 || id > JsonVocabulary::kMaxId)
      return reader_.blame("the id " + std::to_string(id) + " of the added token \"" +
                           printable(token->content) + "\" is outside 0.." +
                           std::to_string(JsonVocabulary::kMaxId));
    token->id = static_cast<int32_t>(id);
    return {};
  }

  // Hugging Face numbers added tokens itself: the vocabulary's id, else the next free one. The file must
  // agree.
  Status number_added() {
    const auto count = static_cast<int64_t>(out_.vocabulary.count());
    std::set<std::string_view> seen;
    int64_t greatest = -1;
    for (const AddedToken& token : out_.added) {
      const std::string name = "the added token \"" + printable(token.content) + "\"";
      if (!seen.insert(token.content).second)
        return Status(StatusCode::invalid_data, name + " is there twice");
      int64_t id = out_.vocabulary.find(token.content);
      const bool is_piece = id >= 0;
      if (!is_piece) id = greatest >= count || count == 0 ? greatest + 1 : count;
      if (id != token.id)
        return Status(StatusCode::invalid_data,
                      name + " has the id " + std::to_string(token.id) + ", where tokenizers gives it " +
                          std::to_string(id) +
                          ": added tokens that are not in the vocabulary are numbered on "
                          "from it in the order of the file; renumber or reorder them");
      if (!is_piece && out_.vocabulary.has(token.id))
        return Status(StatusCode::invalid_data, name + " has the id " + std::to_string(id) +
                                                    " of the piece \"" +
                                                    printable(out_.vocabulary.text(token.id)) + "\"");
      greatest = std::max(greatest, id);
    }
    return {};
  }

  Status check_template() {
    for (const auto* ids : {&out_.template_prefix, &out_.template_suffix})
      for (const int32_t id : *ids) {
        const auto named = [&](const AddedToken& token) { return token.id == id; };
        if (!out_.vocabulary.has(id) && std::none_of(out_.added.begin(), out_.added.end(), named))
          return Status(StatusCode::invalid_data,
                        "post_processor adds the id " + std::to_string(id) + ", which no piece has");
      }
    return {};
  }

  JsonReader reader_;
  TokenizerJson out_;
  std::string text_;
  Status failed_;
};

}  // namespace

Result<TokenizerJson> parse_tokenizer_json(std::string_view text) {
  if (text.size() > TokenizerJson::kMaxBytes)
    return Status(StatusCode::invalid_data, "tokenizer.json: over the limit of 256 MiB");
  auto loaded = Loader(text).load();
  if (!loaded.ok() && !loaded.status().message().starts_with("tokenizer.json: "))
    return Status(loaded.status().code(), "tokenizer.json: " + loaded.status().message());
  return loaded;
}

}  // namespace belle::tokenizer
