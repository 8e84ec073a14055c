#include "native/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "native/bench/cases.h"
#include "native/core/resident_memory.h"

namespace belle::bench {
namespace {

constexpr double kSampleSeconds = 500e-6;  // shorter calls are timed several together
constexpr size_t kMaxSamples = 10000;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Status aborted() { return {StatusCode::aborted, "The measurement was stopped."}; }

Figure summarise(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t half = samples.size() / 2;
  const double median = samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {.median = median, .min = samples.front(), .max = samples.back()};
}

// One floating-point operation, so that flops / median is the peak.
Result<Figure> measure_peak(const belle_backend& backend, belle_dtype type) {
  double peak = 0;
  BELLE_TRY(backend::from_c(backend.peak_flops(backend.context, type, &peak)));
  if (!(peak > 0)) return Status(StatusCode::internal, "bench: the backend measured no peak");
  return Figure{.median = 1 / peak, .min = 1 / peak, .max = 1 / peak, .repeats = 1, .flops = 1};
}

}  // namespace

Result<Figure> measure_op(const std::shared_ptr<belle_backend>& backend, const Request& request,
                          const std::atomic<bool>& stop) {
  if (request.op == Op::peak) return measure_peak(*backend, request.type);
  Buffers buffers(backend);
  BELLE_ASSIGN(const Case prepared, prepare(*backend, buffers, request));
  const auto timed = [&](int64_t calls) -> Result<double> {
    const double start = now();
    for (int64_t i = 0; i < calls; ++i) BELLE_TRY(prepared.call());
    BELLE_TRY(backend::from_c(backend->synchronize(backend->context)));
    return now() - start;
  };
  if (stop) return aborted();
  const auto resident = static_cast<int64_t>(resident_memory());
  BELLE_TRY(timed(1).status());
  const int64_t grown = std::max<int64_t>(0, static_cast<int64_t>(resident_memory()) - resident);
  if (stop) return aborted();
  BELLE_ASSIGN(const double once, timed(1));
  const auto calls =
      static_cast<int64_t>(std::clamp(std::ceil(kSampleSeconds / std::max(once, 1e-9)), 1.0, 1e5));
  std::vector<double> samples;
  if (calls == 1) samples.push_back(once);
  const double end = now() + request.seconds - once;
  while (samples.empty() || (now() < end && samples.size() < kMaxSamples)) {
    if (stop) return aborted();
    BELLE_ASSIGN(const double seconds, timed(calls));
    samples.push_back(seconds / static_cast<double>(calls));
  }
  const auto repeats = static_cast<int64_t>(samples.size()) * calls;
  Figure figure = summarise(std::move(samples));
  figure.repeats = repeats;
  figure.flops = prepared.flops;
  figure.bytes = prepared.bytes;
  figure.chunk_rows = prepared.chunk_rows;
  figure.workspace_bytes = prepared.logits_bytes > 0 ? prepared.logits_bytes + grown : 0;
  return figure;
}

}  // namespace belle::bench
