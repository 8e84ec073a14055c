#include "native/addon/instance.h"
#include "native/addon/tokenizer.h"
#include "native/addon/wrap.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kStreamTag = {0x6265'6c6c'6573'7472ull, 0x1b37'90d2'4e6a'8c55ull};

struct OpenStream {
  SharedTokenizer tokenizer;  // outlives the decoder
  std::unique_ptr<tokenizer::StreamDecoder> decoder;
};

class DecodeStreamWrap : public Wrap<DecodeStreamWrap, OpenStream> {
 public:
  explicit DecodeStreamWrap(const Napi::CallbackInfo& info) : Wrap(info, kStreamTag) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeDecodeStream",
                       {InstanceMethod<&DecodeStreamWrap::push>("push"),
                        InstanceMethod<&DecodeStreamWrap::finish>("finish")});
  }

 private:
  Napi::Value push(const Napi::CallbackInfo& info) {
    std::string text;
    for (const int32_t id : known_ids_argument(info[0], *held_.tokenizer)) held_.decoder->push(id, &text);
    return Napi::String::New(info.Env(), text);
  }
  // The next id begins a new text.
  Napi::Value finish(const Napi::CallbackInfo& info) {
    std::string text;
    held_.decoder->finish(&text);
    held_.decoder = held_.tokenizer->decode_stream();
    return Napi::String::New(info.Env(), text);
  }
};

}  // namespace

Napi::Object new_decode_stream(Napi::Env env, SharedTokenizer tokenizer) {
  auto decoder = tokenizer->decode_stream();
  return DecodeStreamWrap::make(instance(env).decode_stream, {std::move(tokenizer), std::move(decoder)});
}

void define_decode_stream(Napi::Env env, Napi::Object) {
  instance(env).decode_stream = Napi::Persistent(DecodeStreamWrap::define(env));
}

}  // namespace belle::addon
