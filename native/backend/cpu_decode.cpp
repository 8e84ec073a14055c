// Decoding on the CPU backend: new keys and values into the cache, the attention of one query a sequence to
// it, of which a task is one range of keys, and the largest logit.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

belle_status cache_append(void* context, const belle_cache_append_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_cache_append(args));
    const belle_cache_append_args& a = *args;
    const int64_t row = int64_t{a.kv_heads} * a.head_dim;
    const auto bytes = static_cast<size_t>(a.head_dim * element_bytes(a.type));
    const int32_t* const wrong = std::find_if(a.rows, a.rows + a.tokens, [](int32_t to) { return to < 0; });
    BELLE_TRY(Check("cache_append")
                  .that(wrong == a.rows + a.tokens,
                        [&] {
                          return "the row of token " + std::to_string(wrong - a.rows) + " is " +
                                 std::to_string(*wrong) + "; it must be one of the cache's";
                        })
                  .status());
    auto task = [&](size_t chunk, int) {
      const auto token = static_cast<int64_t>(chunk);
      const auto put = [&](void* cache, const void* from) {
        for (int64_t h = 0; h < a.kv_heads; ++h) {
          std::memcpy(at(cache, a.rows[token] * row + h * a.head_dim, a.type),
                      at(from, token * a.kv_stride + h * a.kv_head_stride, a.type), bytes);
        }
      };
      put(a.k_cache, a.k);
      put(a.v_cache, a.v);
    };
    cpu.parallel(a.tokens, 2.0 * static_cast<double>(a.tokens * row), task);
    return {};
  });
}

// Every sequence's length, from its position; refused where the caller's cache does not hold it.
Status check_positions(const belle_attention_decode_args& a) {
  for (int32_t s = 0; s < a.sequences; ++s) {
    BELLE_TRY(Check("attention_decode")
                  .that(a.positions[s] >= 0 && a.positions[s] < a.longest,
                        [&] {
                          return "sequence " + std::to_string(s) + " is at position " +
                                 std::to_string(a.positions[s]) + " of " + std::to_string(a.longest) +
                                 "; longest must be above every position";
                        })
                  .status());
  }
  return {};
}

belle_status attention_decode(void* context, const belle_attention_decode_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    constexpr const char* kOp = "attention_decode";
    BELLE_TRY(abi::check_attention_decode(args));
    const belle_attention_decode_args& a = *args;
    BELLE_TRY(check_positions(a));
    const auto length = [&](int64_t sequence) { return a.positions[sequence] + 1; };
    double work = 0;
    for (int32_t s = 0; s < a.sequences; ++s) work += 4.0 * length(s) * a.heads * a.head_dim;
    // Every range of keys leaves a part of every head; they are merged in order.
    const int64_t part = ops::decode_part(a.head_dim);
    const auto type = static_cast<ops::Type>(a.type);
    int64_t* ranges_before = cpu.block_counts.get<int64_t>(a.sequences + 1);
    if (!ranges_before) return scratch_missing(kOp, (a.sequences + 1) * 8);
    ranges_before[0] = 0;
    for (int32_t s = 0; s < a.sequences; ++s)
      ranges_before[s + 1] = ranges_before[s] + (length(s) + ops::kDecodeKeys - 1) / ops::kDecodeKeys;
    const int64_t ranges = ranges_before[a.sequences];
    float* parts = cpu.partial_sums.get<float>(ranges * a.heads * part);
    if (!parts) return scratch_missing(kOp, ranges * a.heads * part * 4);
    BELLE_TRY(cpu.thread_scratch(a.heads * ops::kDecodeKeys, kOp));
    auto range_task = [&](size_t chunk, int thread) {
      const int64_t range = static_cast<int64_t>(chunk);
      const int64_t sequence =
          std::upper_bound(ranges_before, ranges_before + a.sequences + 1, range) - ranges_before - 1;
      const int64_t cache = sequence * a.cache_rows * a.kv_heads * a.head_dim,
                    from = (range - ranges_before[sequence]) * ops::kDecodeKeys;
      cpu.kernels.attention_decode({
          .type = type,
          .q = ops::offset(a.q, sequence * a.q_stride, type),
          .q_stride = a.q_head_stride,
          .heads = a.heads,
          .kv_heads = a.kv_heads,
          .head_dim = a.head_dim,
          .k = ops::offset(a.k_cache, cache, type),
          .v = ops::offset(a.v_cache, cache, type),
          .from = from,
          .to = std::min<int64_t>(from + ops::kDecodeKeys, length(sequence)),
          .position = a.positions[sequence],
          .scale = a.scale,
          .slopes = a.alibi_slopes ? a.alibi_slopes : &kNoSlope,
          .slope_step = a.alibi_slopes ? 1 : 0,
          .parts = parts + range * a.heads * part,
          .weights = cpu.thread[thread].get<float>(a.heads * ops::kDecodeKeys),
      });
    };
    cpu.parallel(ranges, work, range_task);
    auto merge_task = [&](size_t chunk, int) {
      const int64_t sequence = static_cast<int64_t>(chunk) / a.heads,
                    head = static_cast<int64_t>(chunk) % a.heads, first = ranges_before[sequence];
      cpu.kernels.attention_decode_merge({
          .type = type,
          .out = ops::offset(a.out, static_cast<int64_t>(chunk) * a.head_dim, type),
          .parts = parts + (first * a.heads + head) * part,
          .ranges = ranges_before[sequence + 1] - first,
          .range_stride = a.heads * part,
          .head_dim = a.head_dim,
      });
    };
    cpu.parallel(int64_t{a.sequences} * a.heads, 8.0 * static_cast<double>(ranges * a.heads * part),
                 merge_task);
    return {};
  });
}

int32_t place_of_largest(const float* x, int64_t n) {
  float largest = -std::numeric_limits<float>::infinity();
  int64_t place = -1;
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] <= largest) continue;
    if (std::isnan(x[i])) return -1;
    largest = x[i];
    place = i;
  }
  return std::isfinite(largest) ? static_cast<int32_t>(place) : -1;
}

belle_status argmax(void* context, int32_t* out, const float* x, int64_t rows, int64_t n, int64_t stride) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_argmax(out, x, rows, n, stride));
    auto task = [&](size_t row, int) {
      out[row] = place_of_largest(x + static_cast<int64_t>(row) * stride, n);
    };
    cpu.parallel(rows, 2.0 * static_cast<double>(rows * n), task);
    return {};
  });
}

}  // namespace

void set_decode_entries(belle_backend& b) {
  b.cache_append = cache_append;
  b.attention_decode = attention_decode;
  b.argmax = argmax;
}

}  // namespace belle::backend
