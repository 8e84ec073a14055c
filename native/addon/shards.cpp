#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/wrap.h"
#include "native/io/token_shard.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kShardWriterTag = {0x6265'6c6c'6573'6864ull, 0x83c4'6e1f'90ab'e005ull};

struct ShardWriter {
  std::unique_ptr<io::DirectoryCommit> directory;  // outlives the writer, whose files lie in it
  std::unique_ptr<io::TokenShardWriter> writer;
};
using SharedShardWriter = std::shared_ptr<ShardWriter>;

struct Sample {
  std::vector<int32_t> ids;
  std::vector<uint8_t> mask;
};

class ShardWriterWrap : public Wrap<ShardWriterWrap, SharedShardWriter> {
 public:
  explicit ShardWriterWrap(const Napi::CallbackInfo& info) : Wrap(info, kShardWriterTag) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeShardWriter",
                       {
                           InstanceMethod<&ShardWriterWrap::add_pack>("addPack"),
                           InstanceMethod<&ShardWriterWrap::commit>("commit"),
                           InstanceMethod<&ShardWriterWrap::abort>("abort"),
                       });
  }

 private:
  const SharedShardWriter& shared(Napi::Env env) const {
    if (!held_) {
      throw make_error(env, "ERR_BELLE_DISPOSED",
                       "The shard writer was committed or aborted; create another one.");
    }
    return held_;
  }

  void add_pack(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const SharedShardWriter writer = shared(env);  // a getter of a row may call abort()
    if (!info[0].IsArray() || info[0].As<Napi::Array>().Length() == 0) {
      throw_argument(env, "samples must be an array with at least one sample.");
    }
    const Napi::Array rows = info[0].As<Napi::Array>();
    // All are checked before the first is written: a pack is added whole or not at all.
    std::vector<Sample> samples;
    samples.reserve(rows.Length());
    for (uint32_t i = 0; i < rows.Length(); ++i) {
      const std::string name = "samples[" + std::to_string(i) + "]";
      const Options row(rows.Get(i), name);
      const auto mask = bytes_argument(row.get("mask"), name + ".mask");
      Sample sample{{}, {mask.begin(), mask.end()}};  // copied before a getter runs again
      sample.ids = int32_argument(row.get("ids"), name + ".ids");
      if (sample.ids.size() != sample.mask.size()) {
        throw_argument(env, name + " has " + std::to_string(sample.ids.size()) + " ids but " +
                                std::to_string(sample.mask.size()) + " mask bytes; give one per id.");
      }
      samples.push_back(std::move(sample));
    }
    for (const Sample& sample : samples) check(env, writer->writer->add_sample(sample.ids, sample.mask));
    check(env, writer->writer->end_pack());
  }

  Napi::Value commit(const Napi::CallbackInfo& info) {
    std::string manifest = string_argument(info[0], "manifest");
    auto work = [writer = shared(info.Env()), manifest = std::move(manifest)](Job&) -> Result<Job::Settle> {
      BELLE_ASSIGN(Json fields, parse_json(manifest));
      if (fields.object() == nullptr) {
        return Status(StatusCode::invalid_argument, "The manifest must be a JSON object.");
      }
      BELLE_ASSIGN(auto records, writer->writer->finish());
      for (io::FileRecord& record : records) writer->directory->add(std::move(record));
      BELLE_TRY(writer->directory->commit(std::move(*fields.object())));
      return Job::nothing();
    };
    held_ = nullptr;
    return Job::start(info.Env(), std::move(work));
  }

  void abort(const Napi::CallbackInfo&) { held_ = nullptr; }
};

Napi::Value create_shard_writer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string folder = path_argument(info[0], "folder");
  const Options options(info[1], "options");
  const bool wide = options.boolean("wide");
  const auto max_tokens = static_cast<uint64_t>(options.integer("maxShardTokens", 1));
  auto made = std::make_shared<ShardWriter>();
  made->directory = take(env, io::DirectoryCommit::create(folder));
  made->writer = take(env, io::TokenShardWriter::create(made->directory->folder(), wide, max_tokens));
  return ShardWriterWrap::make(instance(env).shard_writer, std::move(made));
}

Napi::Value open_shards(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string folder = path_argument(info[0], "folder");
  const auto shards = take(env, io::TokenShards::open(folder, boolean_argument(info[1], "hashes")));
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* key, uint64_t value) {
    result.Set(key, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("samples", shards.samples());
  set("packs", shards.packs());
  set("tokens", shards.tokens());
  set("supervisedTokens", shards.supervised_tokens());
  result.Set("fingerprint", shards.fingerprint());
  return result;
}

Napi::Value read_shard_sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto shards = take(env, io::TokenShards::open(path_argument(info[0], "folder"), false));
  const int64_t sample = integer_argument(info[1], "sample", 0);
  if (static_cast<uint64_t>(sample) >= shards.samples()) {
    throw_argument(env, "sample " + std::to_string(sample) + " does not exist; the folder holds " +
                            std::to_string(shards.samples()) + ", counted from 0.");
  }
  std::vector<int32_t> ids, labels;
  check(env, shards.read_sample(static_cast<uint64_t>(sample), &ids, &labels));
  Napi::Object result = Napi::Object::New(env);
  result.Set("inputIds", copied_array<Napi::Int32Array, int32_t>(env, ids));
  result.Set("labels", copied_array<Napi::Int32Array, int32_t>(env, labels));
  return result;
}

}  // namespace

void define_shards(Napi::Env env, Napi::Object exports) {
  instance(env).shard_writer = Napi::Persistent(ShardWriterWrap::define(env));
  exports.Set("createShardWriter", Napi::Function::New<create_shard_writer>(env, "createShardWriter"));
  exports.Set("openShards", Napi::Function::New<open_shards>(env, "openShards"));
  exports.Set("readShardSample", Napi::Function::New<read_shard_sample>(env, "readShardSample"));
}

}  // namespace belle::addon
