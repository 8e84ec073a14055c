#include "native/addon/tokenizer.h"

#include <algorithm>
#include <array>

#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/encode_batch.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/object_writer.h"
#include "native/addon/text_reader.h"
#include "native/addon/wrap.h"
#include "native/core/code_points.h"
#include "native/core/text_units.h"
#include "native/tokenizer/export/readable_piece.h"
#include "native/tokenizer/export/sentencepiece_of.h"
#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kTokenizerTag = {0x6265'6c6c'6574'6f6bull, 0x5b0c'9a61'7fd3'e002ull};

constexpr std::array kUnits = {"utf16", "bytes", "codePoints"};

const char* model_type_name(tokenizer::ModelType type) {
  switch (type) {
    case tokenizer::ModelType::unigram:
      return "unigram";
    case tokenizer::ModelType::bpe:
      return "bpe";
    case tokenizer::ModelType::word:
      return "word";
    case tokenizer::ModelType::character:
      return "char";
  }
  return "unknown";
}

class TokenizerWrap : public Wrap<TokenizerWrap, SharedTokenizer> {
 public:
  explicit TokenizerWrap(const Napi::CallbackInfo& info) : Wrap(info, kTokenizerTag) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeTokenizer",
                       {
                           InstanceAccessor<&TokenizerWrap::vocab_size>("vocabSize"),
                           InstanceAccessor<&TokenizerWrap::fingerprint>("fingerprint"),
                           InstanceAccessor<&TokenizerWrap::file_name>("fileName"),
                           InstanceAccessor<&TokenizerWrap::unk_id>("unkId"),
                           InstanceAccessor<&TokenizerWrap::bos_id>("bosId"),
                           InstanceAccessor<&TokenizerWrap::eos_id>("eosId"),
                           InstanceAccessor<&TokenizerWrap::pad_id>("padId"),
                           InstanceMethod<&TokenizerWrap::encode>("encode"),
                           InstanceMethod<&TokenizerWrap::encode_batch>("encodeBatch"),
                           InstanceMethod<&TokenizerWrap::count_batch>("countBatch"),
                           InstanceMethod<&TokenizerWrap::encode_spans>("encodeSpans"),
                           InstanceMethod<&TokenizerWrap::decode>("decode"),
                           InstanceMethod<&TokenizerWrap::decode_stream>("decodeStream"),
                           InstanceMethod<&TokenizerWrap::pieces>("pieces"),
                           InstanceMethod<&TokenizerWrap::readable_pieces>("readablePieces"),
                           InstanceMethod<&TokenizerWrap::piece_id>("pieceId"),
                           InstanceMethod<&TokenizerWrap::info>("info"),
                           InstanceMethod<&TokenizerWrap::to_sentencepiece>("toSentencePiece"),
                           InstanceMethod<&TokenizerWrap::save>("save"),
                       });
  }
  const SharedTokenizer& tokenizer() const { return held_; }

 private:
  Napi::Value vocab_size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->vocab_size());
  }
  Napi::Value fingerprint(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), held_->fingerprint());
  }
  Napi::Value unk_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->unk_id());
  }
  Napi::Value bos_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->bos_id());
  }
  Napi::Value eos_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->eos_id());
  }
  Napi::Value pad_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->pad_id());
  }

  static Napi::Uint32Array joined(Napi::Env env, const EncodedBatch& batch) {
    Napi::Uint32Array ids = Napi::Uint32Array::New(env, batch.offsets.back());
    uint32_t* to = ids.Data();
    for (const auto& chunk : batch.chunks) to = std::copy(chunk.begin(), chunk.end(), to);
    return ids;
  }
  EncodeMemory memory(Napi::Env env) { return {&instance(env).encode_threads, &words_}; }
  EncodedBatch encoded(const Napi::CallbackInfo& info, bool counts_only) {
    const auto threads = static_cast<int>(integer_argument(info[1], "threads", 0, 1024));
    TextReader texts(info[0], "texts");
    return take(info.Env(), addon::encode_batch(*held_, &texts, threads, counts_only, memory(info.Env())));
  }

  Napi::Value encode(const Napi::CallbackInfo& info) {
    const std::u16string text = TextReader::text(info[0], "text");
    return joined(info.Env(), take(info.Env(), addon::encode_text(*held_, text, memory(info.Env()))));
  }

  Napi::Value encode_batch(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const EncodedBatch batch = encoded(info, false);
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", joined(env, batch));
    result.Set("offsets", copied_array<Napi::Uint32Array, uint32_t>(env, batch.offsets));
    return result;
  }

  Napi::Value count_batch(const Napi::CallbackInfo& info) {
    const EncodedBatch batch = encoded(info, true);
    Napi::Uint32Array counts = Napi::Uint32Array::New(info.Env(), batch.offsets.size() - 1);
    for (size_t i = 0; i < counts.ElementLength(); ++i) counts[i] = batch.offsets[i + 1] - batch.offsets[i];
    return counts;
  }

  Napi::Value encode_spans(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string text;
    append_utf8(TextReader::text(info[0], "text"), &text);
    const size_t unit = one_of_argument(info[1], "unit", kUnits);
    std::vector<int32_t> ids;
    std::vector<tokenizer::ByteRange> spans;
    check(env, held_->encode_with_spans(text, &ids, &spans));
    std::vector<uint32_t> begins, ends, units;
    if (unit != 1) units = units_before(text, unit == 0);
    const auto counted = [&](size_t byte) { return unit == 1 ? static_cast<uint32_t>(byte) : units[byte]; };
    for (const auto& span : spans) begins.push_back(counted(span.begin));
    for (const auto& span : spans) ends.push_back(counted(span.end));
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", ids_array(env, ids));
    result.Set("begins", copied_array<Napi::Uint32Array, uint32_t>(env, begins));
    result.Set("ends", copied_array<Napi::Uint32Array, uint32_t>(env, ends));
    return result;
  }

  Napi::Value decode(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), held_->decode(known_ids_argument(info[0], *held_)));
  }

  Napi::Value decode_stream(const Napi::CallbackInfo& info) { return new_decode_stream(info.Env(), held_); }

  Napi::Value pieces(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Array result = Napi::Array::New(env, static_cast<size_t>(held_->vocab_size()));
    for (int32_t id = 0; id < held_->vocab_size(); ++id) {
      const Napi::HandleScope scope(env);
      const tokenizer::Piece& piece = held_->piece(id);
      Napi::Object row = Napi::Object::New(env);
      row.Set("piece", piece.piece);
      row.Set("score", Napi::Number::New(env, piece.score));
      row.Set("type", Napi::Number::New(env, static_cast<int32_t>(piece.type)));
      result.Set(static_cast<uint32_t>(id), row);
    }
    return result;
  }

  Napi::Value readable_pieces(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Array result = Napi::Array::New(env, static_cast<size_t>(held_->vocab_size()));
    for (int32_t id = 0; id < held_->vocab_size(); ++id) {
      const Napi::HandleScope scope(env);
      const tokenizer::ReadablePiece piece = tokenizer::readable_piece(*held_, id);
      ObjectWriter row(env);
      row.text("piece", piece.text);
      row.count("type", static_cast<int32_t>(piece.type));
      result.Set(static_cast<uint32_t>(id), row.object);
    }
    return result;
  }

  Napi::Value piece_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->piece_id(string_argument(info[0], "piece")));
  }

  Napi::Value file_name(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), held_->file_name());
  }

  // Of a sentencepiece model; null for others.
  Napi::Value info(const Napi::CallbackInfo& info) {
    const tokenizer::SentencePieceModel* model = held_->sentencepiece();
    if (!model) return info.Env().Null();
    const auto& normalizer = model->normalizer_spec;
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("modelType", model_type_name(model->trainer_spec.model_type));
    result.Set("normalizer", normalizer.name);
    result.Set("addDummyPrefix", Napi::Boolean::New(info.Env(), normalizer.add_dummy_prefix));
    result.Set("removeExtraWhitespaces", Napi::Boolean::New(info.Env(), normalizer.remove_extra_whitespaces));
    result.Set("byteFallback", Napi::Boolean::New(info.Env(), model->trainer_spec.byte_fallback));
    return result;
  }

  Napi::Value to_sentencepiece(const Napi::CallbackInfo& info) {
    auto model = take(info.Env(), tokenizer::sentencepiece_of(*held_));
    return new_tokenizer(info.Env(),
                         take(info.Env(), tokenizer::SentencePieceTokenizer::create(std::move(model))));
  }

  Napi::Value save(const Napi::CallbackInfo& info) {
    std::string path = path_argument(info[0], "path");
    return Job::start(info.Env(), [tokenizer = held_, path = std::move(path)](Job&) -> Result<Job::Settle> {
      BELLE_TRY(tokenizer->save(path));
      return Job::nothing();
    });
  }

  std::vector<tokenizer::WordCache> words_;
};

// undefined, or { splitter, special: { token: id } }
tokenizer::RankFileOptions ranks_argument(const Napi::Value& value) {
  tokenizer::RankFileOptions ranks;
  if (value.IsUndefined()) return ranks;
  const Options options(value, "options");
  if (!options.get("splitter").IsUndefined()) ranks.splitter = options.string("splitter");
  if (options.get("special").IsUndefined()) return ranks;
  const Napi::Object special = object_argument(options.get("special"), "options.special");
  const Napi::Array tokens = special.GetPropertyNames();
  for (uint32_t i = 0; i < tokens.Length(); ++i) {
    const std::string token = tokens.Get(i).As<Napi::String>().Utf8Value();
    ranks.special[token] = static_cast<int32_t>(
        integer_argument(special.Get(tokens.Get(i)), "options.special[\"" + token + "\"]", 0, INT32_MAX));
  }
  return ranks;
}

Napi::Value load_tokenizer(const Napi::CallbackInfo& info) {
  auto work = [path = path_argument(info[0], "path"),
               ranks = ranks_argument(info[1])](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto loaded, tokenizer::load_tokenizer(path, ranks));
    return Job::Settle([tokenizer = SharedTokenizer(std::move(loaded))](Napi::Env env) -> Napi::Value {
      return new_tokenizer(env, tokenizer);
    });
  };
  return Job::start(info.Env(), std::move(work));
}

Napi::Value parse_tokenizer(const Napi::CallbackInfo& info) {
  const auto ranks = ranks_argument(info[1]);
  auto parsed = take(info.Env(), tokenizer::parse_tokenizer(bytes_argument(info[0], "bytes"), ranks));
  return new_tokenizer(info.Env(), std::move(parsed));
}

}  // namespace

Napi::Object new_tokenizer(Napi::Env env, SharedTokenizer tokenizer) {
  return TokenizerWrap::make(instance(env).tokenizer, std::move(tokenizer));
}

std::vector<int32_t> known_ids_argument(const Napi::Value& value, const tokenizer::Tokenizer& tokenizer) {
  std::vector<int32_t> ids = ids_argument(value, "ids");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < tokenizer.vocab_size()) continue;
    throw_argument(value.Env(), "ids[" + std::to_string(i) + "] = " + std::to_string(ids[i]) +
                                    " is outside the vocabulary of " +
                                    std::to_string(tokenizer.vocab_size()) +
                                    " pieces; was it made by another tokenizer?");
  }
  return ids;
}

SharedTokenizer tokenizer_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return TokenizerWrap::Unwrap(tagged(info, index, kTokenizerTag, name, "a NativeTokenizer"))->tokenizer();
}

void define_tokenizer(Napi::Env env, Napi::Object exports) {
  instance(env).tokenizer = Napi::Persistent(TokenizerWrap::define(env));
  exports.Set("loadTokenizer", Napi::Function::New<load_tokenizer>(env, "loadTokenizer"));
  exports.Set("parseTokenizer", Napi::Function::New<parse_tokenizer>(env, "parseTokenizer"));
}

}  // namespace belle::addon
