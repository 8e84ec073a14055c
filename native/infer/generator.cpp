#include "native/infer/generator.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "native/core/philox.h"
#include "native/infer/kv_cache.h"
#include "native/infer/sampler.h"
#include "native/model/decoder.h"
#include "native/model/prepared_batch.h"
#include "native/model/state.h"

namespace belle::infer {
namespace {

using model::Activations;
using model::Pass;

constexpr int64_t kMaxSlots = 64;             // sequences decoded at once: enough to fill a GEMM tile
constexpr uint64_t kCacheBytes = 4ull << 30;  // the cache stays below this, or holds a single sequence
constexpr int64_t kPrefillTokens = 2048;      // prompts are read in packs of about this many tokens

// A sequence that is being generated. Slots are dense: active ones are 0 .. n-1, as attention_decode wants
// them.
struct Slot {
  size_t prompt;
  std::vector<int32_t> ids;  // prompt and new tokens; the last one is not in the cache yet
  int64_t left;              // tokens it may still produce
  int64_t cached() const { return static_cast<int64_t>(ids.size()) - 1; }
};

struct Limits {
  int64_t slots, rows, pass_tokens;
};

class Generation {
 public:
  Generation(const model::Model::State& state, std::span<const std::vector<int32_t>> prompts,
             const GenerateRequest& request, const std::atomic<bool>& stop, const TokenCallback& on_token,
             KvCache cache, const Limits& limits)
      : state_(state),
        prompts_(prompts),
        request_(request),
        stop_(stop),
        on_token_(on_token),
        cache_(std::move(cache)),
        limits_(limits),
        sampler_(request),
        random_(request.seed, RngStream::sample),
        outputs_(prompts.size()) {
    logits_.resize(static_cast<size_t>(limits.slots * state.config.vocab_size));
  }

  Result<std::vector<std::vector<int32_t>>> run() {
    while (true) {
      if (stop_.load(std::memory_order_relaxed)) return Status(StatusCode::aborted, "generation was stopped");
      if (next_ < prompts_.size() && static_cast<int64_t>(slots_.size()) < limits_.slots) {
        BELLE_TRY(prefill());
      } else if (!slots_.empty()) {
        BELLE_TRY(decode());
      } else {
        return std::move(outputs_);
      }
    }
  }

 private:
  // Reads the next prompts, packed, into the free slots and takes the first token of each.
  Status prefill() {
    const size_t first = slots_.size();
    std::vector<int32_t> ids, positions, bounds{0}, last;
    while (next_ < prompts_.size() && static_cast<int64_t>(slots_.size()) < limits_.slots) {
      const std::vector<int32_t>& prompt = prompts_[next_];
      if (!ids.empty() && static_cast<int64_t>(ids.size() + prompt.size()) > limits_.pass_tokens) break;
      for (size_t i = 0; i < prompt.size(); ++i) positions.push_back(static_cast<int32_t>(i));
      ids.insert(ids.end(), prompt.begin(), prompt.end());
      bounds.push_back(static_cast<int32_t>(ids.size()));
      last.push_back(bounds.back() - 1);
      slots_.push_back({next_++, prompt, allowed(prompt)});
    }
    BELLE_ASSIGN(const Pass pass, stage(ids, positions, bounds));
    BELLE_TRY(model::forward_decoder(pass, [&](int64_t layer) -> Status {
      BELLE_TRY(model::forward_attention(pass, layer));
      for (size_t i = 0; i + 1 < bounds.size(); ++i) {
        BELLE_TRY(cache_.append(pass, layer, bounds[i], bounds[i + 1] - bounds[i],
                                static_cast<int64_t>(first + i), 0));
      }
      return {};
    }));
    // Only the last token of each prompt is continued: its hidden rows, gathered.
    const belle_backend& b = *state_.backend;
    BELLE_TRY(write(pass.act.targets, last));
    const auto rows = static_cast<int64_t>(last.size());
    void* gathered = pass.act.layers.front().attention_in;  // free once the pass is done
    BELLE_TRY(backend::from_c(b.embedding(b.context, gathered, pass.act.hidden, pass.act.targets, rows,
                                          state_.config.hidden_size, state_.type())));
    return take_tokens(pass, gathered, first);
  }

  // One more token of every active sequence.
  Status decode() {
    const auto count = static_cast<int64_t>(slots_.size());
    std::vector<int32_t> ids, positions, lengths;
    for (const Slot& slot : slots_) {
      ids.push_back(slot.ids.back());
      positions.push_back(static_cast<int32_t>(slot.cached()));
      lengths.push_back(static_cast<int32_t>(slot.cached() + 1));
    }
    BELLE_ASSIGN(const Pass pass, stage(ids, positions, {}));
    BELLE_TRY(model::forward_decoder(pass, [&](int64_t layer) -> Status {
      for (int64_t s = 0; s < count; ++s) {
        BELLE_TRY(cache_.append(pass, layer, s, 1, s, positions[static_cast<size_t>(s)]));
      }
      return attend_cache(pass, layer, lengths);
    }));
    return take_tokens(pass, pass.act.hidden, 0);
  }

  Status attend_cache(const Pass& pass, int64_t layer, const std::vector<int32_t>& lengths) const {
    const model::DecoderConfig& c = state_.config;
    const model::LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
    const model::QkvLayout at = model::qkv_layout(c);
    belle_attention_decode_args args{};
    args.q = a.qkv;
    args.q_stride = at.width;
    args.q_head_stride = at.head_stride;
    args.k_cache = cache_.k(layer);
    args.v_cache = cache_.v(layer);
    args.cache_rows = cache_.rows();
    args.lengths = lengths.data();
    args.sequences = static_cast<int32_t>(lengths.size());
    args.heads = static_cast<int32_t>(c.num_attention_heads);
    args.kv_heads = static_cast<int32_t>(c.num_key_value_heads);
    args.head_dim = static_cast<int32_t>(c.head_dim);
    args.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim)));
    args.alibi_slopes = c.alibi() ? state_.slopes.data() : nullptr;
    args.out = a.attended;
    args.type = state_.type();
    return backend::from_c(state_.backend->attention_decode(state_.backend->context, &args));
  }

  // Samples the next token of slots [first, end) from hidden [end - first, d]; finished sequences leave their
  // slots.
  Status take_tokens(const Pass& pass, const void* hidden, size_t first) {
    const belle_backend& b = *state_.backend;
    const auto vocab = static_cast<size_t>(state_.config.vocab_size);
    const size_t rows = slots_.size() - first;
    const auto piece = static_cast<size_t>(pass.act.float_logit_rows);
    for (size_t row = 0; row < rows; row += piece) {
      const size_t count = std::min(piece, rows - row);
      auto* logits = static_cast<float*>(pass.act.logits);
      const auto from = static_cast<int64_t>(row) * state_.config.hidden_size;
      BELLE_TRY(model::forward_logits(pass, logits, model::element(hidden, from, state_.dtype),
                                      static_cast<int64_t>(count)));
      BELLE_TRY(backend::from_c(
          b.read(b.context, logits_.data() + row * vocab, logits, count * vocab * sizeof(float))));
    }
    std::vector<size_t> finished;
    for (size_t row = 0; row < rows; ++row) {
      Slot& slot = slots_[first + row];
      const std::span<float> logits(logits_.data() + row * vocab, vocab);
      // Keyed by the prompt and the place in its sequence: the batch around it changes nothing.
      const double uniform = random_.uniform(slot.ids.size(), static_cast<uint32_t>(slot.prompt));
      auto chosen = sampler_.choose(logits, slot.ids, uniform);
      if (!chosen.ok()) {
        return {chosen.status().code(),
                "prompt " + std::to_string(slot.prompt) + ": " + chosen.status().message()};
      }
      const int32_t token = chosen.value();
      const bool stopped =
          std::find(request_.stop.begin(), request_.stop.end(), token) != request_.stop.end();
      if (!stopped) {
        slot.ids.push_back(token);
        outputs_[slot.prompt].push_back(token);
        if (on_token_) on_token_(slot.prompt, token);
      }
      if (stopped || --slot.left == 0) finished.push_back(first + row);
    }
    // From the back, so that the slot moved into a hole is never one that leaves too.
    for (auto hole = finished.rbegin(); hole != finished.rend(); ++hole) BELLE_TRY(release(*hole));
    return {};
  }

  Status release(size_t hole) {
    const size_t last = slots_.size() - 1;
    BELLE_TRY(cache_.move(*state_.backend, static_cast<int64_t>(last), static_cast<int64_t>(hole),
                          hole == last ? 0 : slots_[last].cached()));
    if (hole != last) slots_[hole] = std::move(slots_[last]);
    slots_.pop_back();
    return {};
  }

  int64_t allowed(const std::vector<int32_t>& prompt) const {
    return allowed_tokens(state_.config, request_, static_cast<int64_t>(prompt.size()));
  }

  Status write(int32_t* device, const std::vector<int32_t>& host) const {
    const belle_backend& b = *state_.backend;
    return backend::from_c(b.write(b.context, device, host.data(), host.size() * sizeof(int32_t)));
  }

  Result<Pass> stage(const std::vector<int32_t>& ids, const std::vector<int32_t>& positions,
                     std::span<const int32_t> bounds) const {
    const Activations& act = state_.workspace->activations();
    BELLE_TRY(write(act.ids, ids));
    BELLE_TRY(write(act.positions, positions));
    return Pass{state_, act, static_cast<int64_t>(ids.size()), bounds};
  }

 public:
  // A sequence ends at max_position_embeddings: the token at the last position can still be continued by one.
  static int64_t allowed_tokens(const model::DecoderConfig& config, const GenerateRequest& request,
                                int64_t prompt) {
    if (config.max_position_embeddings == 0) return request.max_new_tokens;
    return std::min(request.max_new_tokens, config.max_position_embeddings - prompt + 1);
  }

 private:
  const model::Model::State& state_;
  std::span<const std::vector<int32_t>> prompts_;
  const GenerateRequest& request_;
  const std::atomic<bool>& stop_;
  const TokenCallback& on_token_;
  KvCache cache_;
  Limits limits_;
  Sampler sampler_;
  Philox random_;
  std::vector<std::vector<int32_t>> outputs_;
  std::vector<Slot> slots_;
  std::vector<float> logits_;
  size_t next_ = 0;  // the first prompt not read yet
};

Status check_prompts(const model::DecoderConfig& config, std::span<const std::vector<int32_t>> prompts) {
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].empty()) {
      return {StatusCode::invalid_argument,
              "prompt " + std::to_string(i) + " is empty; start it with the bos token"};
    }
    const int32_t bounds[] = {0, static_cast<int32_t>(std::min<size_t>(prompts[i].size(), INT32_MAX))};
    const Status checked = model::check_batch({prompts[i], bounds, {}}, config);
    if (!checked.ok()) return {checked.code(), "prompt " + std::to_string(i) + ": " + checked.message()};
  }
  return {};
}

Limits plan(const model::DecoderConfig& config, DType dtype, std::span<const std::vector<int32_t>> prompts,
            const GenerateRequest& request) {
  int64_t rows = 1, longest = 1, total = 0;
  for (const auto& prompt : prompts) {
    const auto length = static_cast<int64_t>(prompt.size());
    // The last token is never fed back.
    rows = std::max(rows, length + Generation::allowed_tokens(config, request, length) - 1);
    longest = std::max(longest, length);
    total += length;
  }
  const auto fit = static_cast<int64_t>(kCacheBytes / KvCache::bytes_per_slot(config, dtype, rows));
  const int64_t slots =
      std::clamp<int64_t>(std::min<int64_t>(fit, static_cast<int64_t>(prompts.size())), 1, kMaxSlots);
  return {slots, rows, std::max(slots, std::min(total, std::max(longest, kPrefillTokens)))};
}

}  // namespace

Result<std::vector<std::vector<int32_t>>> generate(model::Model& model,
                                                   std::span<const std::vector<int32_t>> prompts,
                                                   const GenerateRequest& request,
                                                   const std::atomic<bool>& stop,
                                                   const TokenCallback& on_token) {
  model::Model::State& state = model.state();
  BELLE_TRY(check_sampling(request, state.config.vocab_size));
  BELLE_TRY(check_prompts(state.config, prompts));
  if (prompts.empty() || request.max_new_tokens == 0)
    return std::vector<std::vector<int32_t>>(prompts.size());
  const Limits limits = plan(state.config, state.dtype, prompts, request);
  BELLE_TRY(state.ensure_workspace(limits.pass_tokens, false));
  BELLE_ASSIGN(KvCache cache, KvCache::create(state, limits.slots, limits.rows, limits.pass_tokens));
  return Generation(state, prompts, request, stop, on_token, std::move(cache), limits).run();
}

}  // namespace belle::infer
