// One op of a backend, timed through the ABI, as a JSON line; for machines without Node.
//   bench_ops gemm m=8192 n=4096 k=4096 layout=nt [backend=cuda] [dtype=bfloat16] [seconds=0.5]
//   bench_ops attention tokens=8192 documents=1 heads=32 kv_heads=32 head_dim=128 alibi=0
// BELLE_CUDA_LIB names the library of backend=cuda.
#include <array>
#include <atomic>

#include "bench/native/arguments.h"
#include "native/bench/measure.h"

namespace belle::bench {
namespace {

constexpr std::array<const char*, 2> kTypes = {"float32", "bfloat16"};

template <size_t N>
size_t index_of(const std::array<const char*, N>& names, const std::string& name) {
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return i;
  }
  std::string list;
  for (const char* known : names) list += std::string(list.empty() ? "" : ", ") + known;
  refuse(quoted(name) + " is none of " + list);
}

int run(int argc, char** argv) {
  if (argc < 2) refuse("usage: bench_ops OP name=value ...; the head of bench/native/ops.cpp has examples");
  Arguments given(argc, argv, 2);
  Request r;
  r.op = static_cast<Op>(index_of(kOpNames, argv[1]));
  r.type = static_cast<belle_dtype>(index_of(kTypes, given.text("dtype", "bfloat16")));
  const std::string name = given.text("backend", "cpu");
  const auto threads = static_cast<int>(given.number("threads", 0));
  r.seconds = static_cast<double>(given.number("milliseconds", 500)) / 1000;
  r.layout = static_cast<Layout>(index_of(kLayoutNames, given.text("layout", "nn")));
  for (const auto& [key, field] :
       std::initializer_list<std::pair<const char*, int64_t*>>{{"m", &r.m},
                                                               {"n", &r.n},
                                                               {"k", &r.k},
                                                               {"tokens", &r.tokens},
                                                               {"documents", &r.documents},
                                                               {"heads", &r.heads},
                                                               {"kv_heads", &r.kv_heads},
                                                               {"head_dim", &r.head_dim},
                                                               {"rows", &r.rows},
                                                               {"d", &r.d},
                                                               {"vocab", &r.vocab},
                                                               {"chunk_rows", &r.chunk_rows}})
    *field = given.number(key, *field);
  r.alibi = given.number("alibi", 0) != 0;
  given.refuse_others();

  const auto backend = backend::open(name, threads);
  if (!backend.ok()) refuse(backend.status().message());
  const std::atomic<bool> stop{false};
  const auto measured = measure_op(backend.value(), r, stop);
  if (!measured.ok()) refuse(measured.status().message());
  const Figure& f = measured.value();
  std::string line = std::string("{\"op\":\"") + argv[1] + "\",\"dtype\":\"" + kTypes[r.type] + "\"";
  for (int i = 2; i < argc; ++i) line += std::string(i == 2 ? ",\"arguments\":\"" : " ") + argv[i];
  if (argc > 2) line += "\"";
  std::printf("%s,\"seconds\":%.6g,\"min\":%.6g,\"max\":%.6g,\"repeats\":%lld", line.c_str(), f.median, f.min,
              f.max, static_cast<long long>(f.repeats));
  if (f.flops > 0) std::printf(",\"tflops\":%.5g", f.flops / f.median * 1e-12);
  if (f.bytes > 0) std::printf(",\"gigabytes_per_second\":%.5g", f.bytes / f.median * 1e-9);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
