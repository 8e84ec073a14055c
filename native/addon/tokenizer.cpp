#include "native/addon/tokenizer.h"

#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/encode_batch.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/wrap.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kTokenizerTag = {0x6265'6c6c'6574'6f6bull, 0x5b0c'9a61'7fd3'e002ull};

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
                           InstanceAccessor<&TokenizerWrap::unk_id>("unkId"),
                           InstanceAccessor<&TokenizerWrap::bos_id>("bosId"),
                           InstanceAccessor<&TokenizerWrap::eos_id>("eosId"),
                           InstanceAccessor<&TokenizerWrap::pad_id>("padId"),
                           InstanceMethod<&TokenizerWrap::encode>("encode"),
                           InstanceMethod<&TokenizerWrap::encode_batch>("encodeBatch"),
                           InstanceMethod<&TokenizerWrap::decode>("decode"),
                           InstanceMethod<&TokenizerWrap::pieces>("pieces"),
                           InstanceMethod<&TokenizerWrap::piece_id>("pieceId"),
                           InstanceMethod<&TokenizerWrap::info>("info"),
                           InstanceMethod<&TokenizerWrap::save>("save"),
                       });
  }
  const SharedTokenizer& tokenizer() const { return held_; }

 private:
  const tokenizer::SentencePieceModel& model() const { return held_->model(); }
  // -1 when the model has no such control piece (as SentencePieceProcessor::bos_id): the id is where the
  // piece stands, whatever the trainer spec says.
  Napi::Value special(const Napi::CallbackInfo& info, const std::string& piece) {
    const int32_t id = held_->piece_id(piece);
    const bool control =
        id >= 0 && model().pieces[static_cast<size_t>(id)].type == tokenizer::PieceType::control;
    return Napi::Number::New(info.Env(), control ? id : -1);
  }
  Napi::Value vocab_size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->vocab_size());
  }
  Napi::Value fingerprint(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), held_->fingerprint());
  }
  Napi::Value unk_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), model().unk_id());
  }
  Napi::Value bos_id(const Napi::CallbackInfo& info) { return special(info, model().trainer_spec.bos_piece); }
  Napi::Value eos_id(const Napi::CallbackInfo& info) { return special(info, model().trainer_spec.eos_piece); }
  Napi::Value pad_id(const Napi::CallbackInfo& info) { return special(info, model().trainer_spec.pad_piece); }

  Napi::Value encode(const Napi::CallbackInfo& info) {
    std::vector<int32_t> ids;
    check(info.Env(), held_->encode(string_argument(info[0], "text"), &ids));
    return ids_array(info.Env(), ids);
  }

  Napi::Value encode_batch(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const EncodedBatch batch = take(env, addon::encode_batch(*held_, strings_argument(info[0], "texts")));
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", ids_array(env, batch.ids));
    result.Set("offsets", copied_array<Napi::Uint32Array, uint32_t>(env, batch.offsets));
    return result;
  }

  Napi::Value decode(const Napi::CallbackInfo& info) {
    const std::vector<int32_t> ids = ids_argument(info[0], "ids");
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < held_->vocab_size()) continue;
      throw_argument(info.Env(), "ids[" + std::to_string(i) + "] = " + std::to_string(ids[i]) +
                                     " is outside the vocabulary of " + std::to_string(held_->vocab_size()) +
                                     " pieces; was it made by another tokenizer?");
    }
    return Napi::String::New(info.Env(), held_->decode(ids));
  }

  Napi::Value pieces(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto& pieces = model().pieces;
    Napi::Array result = Napi::Array::New(env, pieces.size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      const Napi::HandleScope scope(env);
      Napi::Object row = Napi::Object::New(env);
      row.Set("piece", pieces[i].piece);
      row.Set("score", Napi::Number::New(env, pieces[i].score));
      row.Set("type", Napi::Number::New(env, static_cast<int32_t>(pieces[i].type)));
      result.Set(static_cast<uint32_t>(i), row);
    }
    return result;
  }

  Napi::Value piece_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), held_->piece_id(string_argument(info[0], "piece")));
  }

  Napi::Value info(const Napi::CallbackInfo& info) {
    const auto& normalizer = model().normalizer_spec;
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("modelType", model_type_name(model().trainer_spec.model_type));
    result.Set("normalizer", normalizer.name);
    result.Set("addDummyPrefix", Napi::Boolean::New(info.Env(), normalizer.add_dummy_prefix));
    result.Set("removeExtraWhitespaces", Napi::Boolean::New(info.Env(), normalizer.remove_extra_whitespaces));
    result.Set("byteFallback", Napi::Boolean::New(info.Env(), model().trainer_spec.byte_fallback));
    return result;
  }

  Napi::Value save(const Napi::CallbackInfo& info) {
    std::string path = path_argument(info[0], "path");
    return Job::start(info.Env(), [tokenizer = held_, path = std::move(path)](Job&) -> Result<Job::Settle> {
      BELLE_TRY(tokenizer->save(path));
      return Job::nothing();
    });
  }
};

Napi::Value load_tokenizer(const Napi::CallbackInfo& info) {
  auto loaded = take(info.Env(), tokenizer::Tokenizer::load(path_argument(info[0], "path")));
  return new_tokenizer(info.Env(), std::move(loaded));
}

Napi::Value parse_tokenizer(const Napi::CallbackInfo& info) {
  auto model = take(info.Env(), tokenizer::parse_model(bytes_argument(info[0], "bytes")));
  return new_tokenizer(info.Env(), take(info.Env(), tokenizer::SentencePieceTokenizer::create(std::move(model))));
}

}  // namespace

Napi::Object new_tokenizer(Napi::Env env, SharedTokenizer tokenizer) {
  return TokenizerWrap::make(instance(env).tokenizer, std::move(tokenizer));
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
