// benchKernel: one op of a backend, timed on a thread of its own.
#include <array>
#include <string>

#include "native/addon/arguments.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/object_writer.h"
#include "native/bench/measure.h"

namespace belle::addon {
namespace {

constexpr std::array<const char*, 3> kBackends = {"auto", "cpu", "cuda"};

bench::Request parse_request(const Options& options) {
  bench::Request request;
  request.op = static_cast<bench::Op>(options.one_of("op", bench::kOpNames));
  request.type = static_cast<belle_dtype>(dtype_option(options, "dtype"));
  request.seconds = options.number("seconds");
  const auto size = [&](const char* key) { return options.integer(key, 1, INT32_MAX); };
  switch (request.op) {
    case bench::Op::peak:
      break;
    case bench::Op::gemm:
      request.m = size("m"), request.n = size("n"), request.k = size("k");
      request.layout = static_cast<bench::Layout>(options.one_of("layout", bench::kLayoutNames));
      break;
    case bench::Op::attention:
    case bench::Op::attention_backward:
      request.tokens = size("tokens"), request.documents = size("documents");
      request.heads = size("heads"), request.kv_heads = size("kvHeads");
      request.head_dim = size("headDim");
      request.alibi = options.boolean("alibi");
      break;
    case bench::Op::linear_cross_entropy:
    case bench::Op::linear_cross_entropy_gemms:
      request.rows = size("rows"), request.d = size("d"), request.vocab = size("vocab");
      request.chunk_rows = options.integer("chunkRows", 0, INT32_MAX);
      break;
    case bench::Op::adamw:
      request.n = options.integer("n", 1);
      break;
    case bench::Op::rms_norm:
    case bench::Op::swiglu:
      request.rows = size("rows"), request.d = size("d");
      break;
  }
  return request;
}

Napi::Object figure_object(Napi::Env env, const bench::Figure& figure, const std::string& isa) {
  ObjectWriter seconds(env);
  seconds.number("median", figure.median);
  seconds.number("min", figure.min);
  seconds.number("max", figure.max);
  ObjectWriter out(env);
  out.object.Set("seconds", seconds.object);
  out.count("repeats", figure.repeats);
  out.number("flops", figure.flops);
  out.number("bytes", figure.bytes);
  out.count("chunkRows", figure.chunk_rows);
  out.count("workspaceBytes", figure.workspace_bytes);
  out.text("isa", isa);
  return out.object;
}

Napi::Value bench_kernel(const Napi::CallbackInfo& info) {
  const Options options(info[0], "request");
  const bench::Request request = parse_request(options);
  const std::string backend = kBackends[options.one_of("backend", kBackends)];
  const auto threads = static_cast<int>(options.integer("threads", 0, 1024));
  const StopFlag stop = stop_argument(info, 1, "stop");
  return Job::start(
      info.Env(),
      [request, backend, threads,
       package = instance(info.Env()).cuda_package](Job& job) -> Result<Job::Settle> {
        BELLE_ASSIGN(const auto opened, backend::open(backend, threads, package));
        BELLE_ASSIGN(const bench::Figure figure, bench::measure_op(opened, request, job.stop()));
        std::string isa = opened->name == std::string("cpu") ? backend::cpu_isa() : "";
        return Job::Settle([figure, isa = std::move(isa)](Napi::Env env) -> Napi::Value {
          return figure_object(env, figure, isa);
        });
      },
      stop);
}

}  // namespace

void define_bench(Napi::Env env, Napi::Object exports) {
  exports.Set("benchKernel", Napi::Function::New<bench_kernel>(env, "benchKernel"));
}

}  // namespace belle::addon
