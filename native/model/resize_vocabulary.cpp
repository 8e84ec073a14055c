// Model::resize_vocabulary: more rows in the input and output embeddings; every old row keeps its bits.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "native/core/philox.h"
#include "native/model/state.h"

namespace belle::model {
namespace {

constexpr int64_t kDrawRows = 64;  // rows of the covariance draw made at a time

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

Status check_request(const ResizeRequest& request, int64_t old_rows) {
  if (request.rows < old_rows) {
    return invalid("cannot resize " + std::to_string(old_rows) + " vocabulary rows to " +
                   std::to_string(request.rows) + "; rows are only added, ask for at least " +
                   std::to_string(old_rows));
  }
  if (request.rows > kMaxVocabulary) {
    return invalid("cannot resize to " + std::to_string(request.rows) + " vocabulary rows; the most is " +
                   std::to_string(kMaxVocabulary));
  }
  if (request.init != RowInit::subtoken_mean) return {};
  const auto added = static_cast<size_t>(request.rows - old_rows);
  if (request.sub_tokens.size() != added) {
    return invalid("sub_tokens lists " + std::to_string(request.sub_tokens.size()) + " rows, but " +
                   std::to_string(added) + " rows are added; give one list (or an empty one) a new row");
  }
  for (size_t row = 0; row < added; ++row) {
    for (const int32_t id : request.sub_tokens[row]) {
      if (id >= 0 && id < old_rows) continue;
      return invalid("sub_tokens[" + std::to_string(row) + "] holds " + std::to_string(id) +
                     ", which is not one of the " + std::to_string(old_rows) + " old rows");
    }
  }
  return {};
}

// One embedding matrix on the host: old rows to read, new rows to write. d columns each.
struct Rows {
  std::vector<float> old;  // [old_rows, d]
  int64_t d;
  int64_t count() const { return static_cast<int64_t>(old.size()) / d; }
  const float* row(int64_t i) const { return old.data() + i * d; }
};

void mean_of(const Rows& rows, const int32_t* ids, int64_t count, float* out) {
  std::vector<double> sum(static_cast<size_t>(rows.d));
  for (int64_t i = 0; i < count; ++i) {
    const float* row = rows.row(ids == nullptr ? i : ids[i]);
    for (size_t j = 0; j < sum.size(); ++j) sum[j] += static_cast<double>(row[j]);
  }
  for (size_t j = 0; j < sum.size(); ++j) out[j] = static_cast<float>(sum[j] / static_cast<double>(count));
}

// Draws from N(mean, cov) of the n old rows x_i, cov = 1/n sum (x_i - mean)(x_i - mean)^T, without forming or
// factoring cov: mean + n^(-1/2) sum g_i (x_i - mean) with independent standard normal g_i has exactly that
// mean and covariance, whatever cov's rank.
Status draw_mean_cov(const Model::State& state, Rows rows, const Philox& random, uint32_t matrix,
                     int64_t added, float* out) {
  const int64_t n = rows.count(), d = rows.d;
  std::vector<float> mean(static_cast<size_t>(d));
  mean_of(rows, nullptr, n, mean.data());
  for (int64_t i = 0; i < n * d; ++i) rows.old[static_cast<size_t>(i)] -= mean[static_cast<size_t>(i % d)];

  const belle_backend& b = *state.backend;
  const auto allocate = [&](int64_t elements) {
    return DeviceBuffer::allocate(state.backend, static_cast<size_t>(elements) * sizeof(float));
  };
  BELLE_ASSIGN(const DeviceBuffer centred, allocate(n * d));
  BELLE_ASSIGN(const DeviceBuffer draws, allocate(kDrawRows * n));
  BELLE_ASSIGN(const DeviceBuffer drawn, allocate(kDrawRows * d));
  BELLE_TRY(
      backend::from_c(b.write(b.context, centred.data(), rows.old.data(), rows.old.size() * sizeof(float))));
  std::vector<float> normals(static_cast<size_t>(kDrawRows * n));
  for (int64_t first = 0; first < added; first += kDrawRows) {
    const int64_t count = std::min(kDrawRows, added - first);
    for (int64_t i = 0; i < count * n; ++i) {
      normals[static_cast<size_t>(i)] =
          static_cast<float>(random.normal(static_cast<uint64_t>(first * n + i), matrix));
    }
    BELLE_TRY(backend::from_c(
        b.write(b.context, draws.data(), normals.data(), static_cast<size_t>(count * n) * sizeof(float))));
    // drawn[count, d] = n^(-1/2) draws[count, n] centred[n, d]
    const belle_gemm_args args{.m = count,
                               .n = d,
                               .k = n,
                               .a = draws.data(),
                               .lda = n,
                               .transpose_a = 0,
                               .b = centred.data(),
                               .ldb = d,
                               .transpose_b = 0,
                               .c = drawn.data(),
                               .ldc = d,
                               .alpha = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n))),
                               .beta = 0,
                               .bias = nullptr,
                               .residual = nullptr,
                               .a_type = BELLE_F32,
                               .b_type = BELLE_F32,
                               .c_type = BELLE_F32};
    BELLE_TRY(backend::from_c(b.gemm(b.context, &args)));
    BELLE_TRY(backend::from_c(
        b.read(b.context, out + first * d, drawn.data(), static_cast<size_t>(count * d) * sizeof(float))));
  }
  for (int64_t i = 0; i < added * d; ++i) out[i] += mean[static_cast<size_t>(i % d)];
  return {};
}

// The new rows of one matrix; `matrix` 0 = input, 1 = output embeddings, so that their draws differ.
Result<std::vector<float>> make_rows(const Model::State& state, Rows rows, const ResizeRequest& request,
                                     uint32_t matrix) {
  const int64_t d = rows.d, added = request.rows - rows.count();
  std::vector<float> out(static_cast<size_t>(added * d));
  const Philox random(request.seed, RngStream::resize);
  if (request.init == RowInit::mean_cov) {
    BELLE_TRY(draw_mean_cov(state, std::move(rows), random, matrix, added, out.data()));
    return out;
  }
  if (request.init == RowInit::normal) {
    const double deviation = static_cast<double>(state.config.initializer_range);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(deviation * random.normal(i, matrix));
    return out;
  }
  std::vector<float> mean(static_cast<size_t>(d));
  mean_of(rows, nullptr, rows.count(), mean.data());
  for (int64_t i = 0; i < added; ++i) {
    float* row = out.data() + i * d;
    const auto ids = request.init == RowInit::subtoken_mean
                         ? std::span(request.sub_tokens[static_cast<size_t>(i)])
                         : std::span<const int32_t>();
    if (ids.empty()) std::copy(mean.begin(), mean.end(), row);
    if (!ids.empty()) mean_of(rows, ids.data(), static_cast<int64_t>(ids.size()), row);
  }
  return out;
}

}  // namespace

Status Model::resize_vocabulary(const ResizeRequest& request) {
  const State& old = *state_;
  const int64_t old_rows = old.config.vocab_size, d = old.config.hidden_size;
  BELLE_TRY(check_request(request, old_rows));
  if (old.lora) return invalid("the model has an adapter; add rows before the adapter, or merge it first");
  if (request.rows == old_rows) return {};
  DecoderConfig config = old.config;
  config.vocab_size = request.rows;

  const belle_backend& b = *old.backend;
  WeightMap map = make_weight_map(config);
  BELLE_ASSIGN(DeviceBuffer weights, allocate_weights(old.backend, map.elements, old.dtype));
  uint32_t matrix = 0;
  for (size_t i = 0; i < map.parameters.size(); ++i) {
    const Parameter& from = old.map.parameters[i];
    void* to = element(weights.data(), map.parameters[i].offset, old.dtype);
    BELLE_TRY(backend::from_c(b.copy(b.context, to, old.weight(from.offset),
                                     static_cast<size_t>(from.elements) * dtype_size(old.dtype))));
    if (!from.embedding) continue;
    Rows rows{std::vector<float>(static_cast<size_t>(from.elements)), d};
    BELLE_TRY(read_values(b, old.weight(from.offset), old.dtype, rows.old.data(), from.elements));
    BELLE_ASSIGN(const std::vector<float> added, make_rows(old, std::move(rows), request, matrix++));
    BELLE_TRY(write_values(b, element(to, from.elements, old.dtype), old.dtype, added.data(),
                           static_cast<int64_t>(added.size())));
  }
  state_->workspace.reset();  // its logits have the old width
  state_->weights = std::move(weights);
  state_->map = std::move(map);
  ++state_->layout;
  state_->config = std::move(config);
  return {};
}

}  // namespace belle::model
