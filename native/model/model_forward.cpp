// What a Model computes: the checked entries over forward_decoder and backward_decoder.
#include <algorithm>

#include "native/model/decoder.h"
#include "native/model/state.h"

namespace belle::model {
namespace {

// Sequences are scored in packs of about this many tokens: enough to fill a GEMM, little memory.
constexpr int64_t kScoringTokens = 4096;

Status write_ids(const belle_backend& b, int32_t* device, std::span<const int32_t> host) {
  return backend::from_c(b.write(b.context, device, host.data(), host.size_bytes()));
}

// Checks the batch, puts it on the device and returns the pass over it.
Result<Pass> stage(Model::State& state, const PackedBatch& batch, bool training) {
  PreparedBatch& prepared = state.prepared;
  BELLE_TRY(prepare_batch(batch, state.config, &prepared));
  BELLE_TRY(state.ensure_workspace(static_cast<int64_t>(batch.input_ids.size()), training));
  const belle_backend& b = *state.backend;
  const Activations& act = state.workspace->activations();
  BELLE_TRY(write_ids(b, act.ids, batch.input_ids));
  BELLE_TRY(write_ids(b, act.positions, prepared.positions));
  if (!prepared.targets.empty()) BELLE_TRY(write_ids(b, act.targets, prepared.targets));
  return Pass{state, act, static_cast<int64_t>(batch.input_ids.size()), batch.cu_seqlens};
}

Status run_forward(const Pass& pass) {
  return forward_decoder(pass, [&](int64_t layer) { return forward_attention(pass, layer); });
}

Result<double> sum_losses(const Pass& pass) {
  const belle_backend& b = *pass.state.backend;
  double sum = 0;
  BELLE_TRY(backend::from_c(b.sum(b.context, pass.act.losses, pass.tokens, &sum)));
  return sum;
}

Status read_logits(const Pass& pass, std::vector<float>* out) {
  const belle_backend& b = *pass.state.backend;
  const int64_t d = pass.state.config.hidden_size, vocab = pass.state.config.vocab_size;
  out->resize(static_cast<size_t>(pass.tokens * vocab));
  auto* logits = static_cast<float*>(pass.act.logits);
  for (int64_t row = 0; row < pass.tokens; row += pass.act.float_logit_rows) {
    const int64_t rows = std::min(pass.act.float_logit_rows, pass.tokens - row);
    const void* hidden = element(pass.act.hidden, row * d, pass.state.dtype);
    BELLE_TRY(forward_logits(pass, logits, hidden, rows));
    BELLE_TRY(backend::from_c(b.read(b.context, out->data() + row * vocab, logits,
                                     static_cast<size_t>(rows * vocab) * sizeof(float))));
  }
  return {};
}

Status need_labels(const PackedBatch& batch, const char* what) {
  if (!batch.labels.empty()) return {};
  return {StatusCode::invalid_argument, std::string(what) +
                                            " needs labels, but none were given; -100 marks tokens "
                                            "without supervision"};
}

}  // namespace

Result<ForwardResult> Model::forward(const PackedBatch& batch, const ForwardRequest& request) {
  if (request.gradients) BELLE_TRY(need_labels(batch, "a gradient"));
  BELLE_ASSIGN(const Pass pass, stage(*state_, batch, request.gradients));
  BELLE_TRY(run_forward(pass));
  ForwardResult result;
  result.supervised_tokens = state_->prepared.supervised_tokens;
  if (request.logits) BELLE_TRY(read_logits(pass, &result.logits));
  if (request.gradients) {
    const belle_backend& b = *state_->backend;
    const size_t bytes = static_cast<size_t>(state_->map.elements) * sizeof(float);
    BELLE_ASSIGN(const DeviceBuffer gradients, DeviceBuffer::allocate(state_->backend, bytes));
    const auto count = static_cast<double>(std::max<int64_t>(result.supervised_tokens, 1));
    BELLE_TRY(backward_decoder(pass, static_cast<float>(1.0 / count),
                               {.data = gradients.floats(), .range = state_->map.all(), .overwrite = true}));
    result.gradients.resize(static_cast<size_t>(state_->map.elements));
    BELLE_TRY(backend::from_c(b.read(b.context, result.gradients.data(), gradients.data(), bytes)));
  } else if (!batch.labels.empty()) {
    BELLE_TRY(forward_losses(pass));
  }
  if (!batch.labels.empty()) {
    BELLE_ASSIGN(result.loss_sum, sum_losses(pass));
  }
  return result;
}

Result<double> Model::forward_backward(const PackedBatch& batch, float grad_scale,
                                       const Gradients& gradients) {
  BELLE_TRY(need_labels(batch, "a gradient"));
  BELLE_ASSIGN(const Pass pass, stage(*state_, batch, true));
  BELLE_TRY(run_forward(pass));
  BELLE_TRY(backward_decoder(pass, grad_scale, gradients));
  return sum_losses(pass);
}

Result<double> Model::forward_loss(const PackedBatch& batch) {
  BELLE_TRY(need_labels(batch, "a loss"));
  BELLE_ASSIGN(const ForwardResult result, forward(batch, {}));
  return result.loss_sum;
}

Result<std::vector<double>> Model::log_likelihood(std::span<const std::vector<int32_t>> sequences) {
  int64_t longest = 0, total = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].empty()) {
      return Status(StatusCode::invalid_argument,
                    "sequence " + std::to_string(i) + " is empty; a likelihood needs at least one token");
    }
    const int32_t bounds[] = {0, static_cast<int32_t>(std::min<size_t>(sequences[i].size(), INT32_MAX))};
    const Status checked = check_batch({sequences[i], bounds, {}}, state_->config);
    if (!checked.ok()) {
      return Status(checked.code(), "sequence " + std::to_string(i) + ": " + checked.message());
    }
    longest = std::max(longest, static_cast<int64_t>(sequences[i].size()));
    total += static_cast<int64_t>(sequences[i].size());
  }
  if (sequences.empty()) return std::vector<double>();
  BELLE_TRY(state_->ensure_workspace(std::min(total, std::max(longest, kScoringTokens)), false));

  std::vector<double> sums;
  std::vector<int32_t> ids, bounds;
  std::vector<float> losses;
  for (size_t first = 0; first < sequences.size();) {
    ids.clear();
    bounds.assign(1, 0);
    size_t last = first;
    while (last < sequences.size() &&
           (last == first || static_cast<int64_t>(ids.size() + sequences[last].size()) <= kScoringTokens)) {
      ids.insert(ids.end(), sequences[last].begin(), sequences[last].end());
      bounds.push_back(static_cast<int32_t>(ids.size()));
      ++last;
    }
    const PackedBatch batch{ids, bounds, ids};  // every token but a sequence's first is a target
    BELLE_ASSIGN(const Pass pass, stage(*state_, batch, false));
    BELLE_TRY(run_forward(pass));
    BELLE_TRY(forward_losses(pass));
    losses.resize(ids.size());
    const belle_backend& b = *state_->backend;
    BELLE_TRY(
        backend::from_c(b.read(b.context, losses.data(), pass.act.losses, losses.size() * sizeof(float))));
    for (size_t document = 0; document + 1 < bounds.size(); ++document) {
      double sum = 0;
      for (int32_t t = bounds[document]; t < bounds[document + 1]; ++t) sum -= losses[static_cast<size_t>(t)];
      sums.push_back(sum);
    }
    first = last;
  }
  return sums;
}

Status Model::reserve(const WorkspaceSpec& wanted) {
  if (wanted.tokens < 1) {
    return {StatusCode::invalid_argument,
            "cannot plan activations for " + std::to_string(wanted.tokens) + " tokens"};
  }
  WorkspaceSpec spec = wanted;
  spec.lora_rank = state_->map.lora_rank;
  if (!state_->workspace || state_->workspace->spec() != spec) {
    state_->workspace.reset();  // before the next one is made: both need not fit
    BELLE_ASSIGN(state_->workspace, Workspace::create(state_->backend, state_->config, state_->dtype, spec));
  }
  state_->prepared.positions.reserve(static_cast<size_t>(spec.tokens));
  state_->prepared.targets.reserve(static_cast<size_t>(spec.tokens));
  return {};
}

}  // namespace belle::model
