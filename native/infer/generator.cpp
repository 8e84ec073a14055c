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
#include "native/model/repeated.h"
#include "native/model/state.h"

namespace belle::infer {
namespace {

using model::Activations;
using model::Pass;

constexpr int64_t kMaxSlots = 64;             // sequences decoded at once: enough to fill a GEMM tile
constexpr uint64_t kCacheBytes = 4ull << 30;  // the cache stays below this, or holds a single sequence
constexpr int64_t kPrefillTokens = 2048;      // prompts are read in packs of about this many tokens
constexpr int64_t kLeastRoom = 128;           // tokens that decoding is laid out for, at least

constexpr uint64_t kDecodeStep = 0xdec0de;  // its name among what a backend has recorded

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
        greedy_(request.temperature == 0 && request.repetition_penalty == 1.0),
        outputs_(prompts.size()) {}

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
    std::vector<int32_t> ids, positions, rows, bounds{0}, last;
    while (next_ < prompts_.size() && static_cast<int64_t>(slots_.size()) < limits_.slots) {
      const std::vector<int32_t>& prompt = prompts_[next_];
      if (!ids.empty() && static_cast<int64_t>(ids.size() + prompt.size()) > limits_.pass_tokens) break;
      const auto slot = static_cast<int64_t>(slots_.size());
      for (size_t i = 0; i < prompt.size(); ++i) {
        positions.push_back(static_cast<int32_t>(i));
        rows.push_back(cache_.row_of(slot, positions.back()));
      }
      ids.insert(ids.end(), prompt.begin(), prompt.end());
      bounds.push_back(static_cast<int32_t>(ids.size()));
      last.push_back(bounds.back() - 1);
      slots_.push_back({next_++, prompt, allowed(prompt)});
    }
    BELLE_ASSIGN(const Pass pass, stage(ids, positions, rows, bounds));
    BELLE_TRY(model::forward_decoder(pass, [&](int64_t layer) -> Status {
      BELLE_TRY(model::forward_attention(pass, layer));
      return cache_.append(pass, layer);
    }));
    // Only the last token of each prompt is continued: its hidden rows, gathered.
    const belle_backend& b = *state_.backend;
    BELLE_TRY(write(pass.act.targets, last));
    void* gathered = pass.act.layers.front().attention_in;  // free once the pass is done
    BELLE_TRY(backend::from_c(b.embedding(b.context, gathered, pass.act.hidden, pass.act.targets,
                                          static_cast<int64_t>(last.size()), state_.config.hidden_size,
                                          state_.type())));
    if (greedy_) BELLE_TRY(find_largest(pass, gathered, static_cast<int64_t>(last.size())));
    return take_tokens(pass, gathered, first);
  }

  // One more token of every active sequence.
  Status decode() {
    std::vector<int32_t> ids, positions, rows;
    for (const Slot& slot : slots_) {
      ids.push_back(slot.ids.back());
      positions.push_back(static_cast<int32_t>(slot.cached()));
      rows.push_back(cache_.row_of(static_cast<int64_t>(rows.size()), positions.back()));
    }
    BELLE_ASSIGN(const Pass pass, stage(ids, positions, rows, {}));
    const int64_t longest = room_for(*std::max_element(positions.begin(), positions.end()) + 1);
    // What a step's ops follow from beside the model's weights and this cache, which are freed by nobody
    // before the generation ends: a backend may have recorded them.
    const uint64_t key[] = {kDecodeStep,
                            reinterpret_cast<uintptr_t>(cache_.k(0)),
                            static_cast<uint64_t>(cache_.rows()),
                            reinterpret_cast<uintptr_t>(pass.act.ids),
                            state_.layout,
                            static_cast<uint64_t>(pass.tokens),
                            static_cast<uint64_t>(longest),
                            greedy_ ? 1u : 0u,
                            static_cast<uint64_t>(request_.vocabulary)};
    BELLE_TRY(model::repeated(*state_.backend, key, [&]() -> Status {
      BELLE_TRY(model::forward_decoder(pass, [&](int64_t layer) -> Status {
        BELLE_TRY(cache_.append(pass, layer));
        return attend_cache(pass, layer, longest);
      }));
      return greedy_ ? find_largest(pass, pass.act.hidden, pass.tokens) : Status();
    }));
    return take_tokens(pass, pass.act.hidden, 0);
  }

  // The length that a step's attention is laid out for: it changes seldom, so that steps repeat.
  int64_t room_for(int64_t length) const {
    int64_t room = kLeastRoom;
    while (room < length) room *= 2;
    return std::min(room, cache_.rows());
  }

  Status attend_cache(const Pass& pass, int64_t layer, int64_t longest) const {
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
    args.positions = pass.act.positions;
    args.longest = longest;
    args.sequences = static_cast<int32_t>(pass.tokens);
    args.heads = static_cast<int32_t>(c.num_attention_heads);
    args.kv_heads = static_cast<int32_t>(c.num_key_value_heads);
    args.head_dim = static_cast<int32_t>(c.head_dim);
    args.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim)));
    args.alibi_slopes = state_.slopes.floats();
    args.out = a.attended;
    args.type = state_.type();
    return backend::from_c(state_.backend->attention_decode(state_.backend->context, &args));
  }

  // body(first row, count, logits on the device) for pieces of the rows of hidden [rows, d], in order.
  template <class Body>
  Status over_logits(const Pass& pass, const void* hidden, int64_t rows, Body body) const {
    auto* logits = static_cast<float*>(pass.act.logits);
    for (int64_t row = 0; row < rows; row += pass.act.float_logit_rows) {
      const int64_t count = std::min(pass.act.float_logit_rows, rows - row);
      const void* from = model::element(hidden, row * state_.config.hidden_size, state_.dtype);
      BELLE_TRY(model::forward_logits(pass, logits, from, count));
      BELLE_TRY(body(row, count, logits));
    }
    return {};
  }

  // targets[row] on the device = the greedy choice of that row of hidden.
  Status find_largest(const Pass& pass, const void* hidden, int64_t rows) const {
    const belle_backend& b = *state_.backend;
    const int64_t vocab = state_.config.vocab_size,
                  allowed = request_.vocabulary > 0 ? request_.vocabulary : vocab;
    return over_logits(pass, hidden, rows, [&](int64_t row, int64_t count, const float* logits) {
      return backend::from_c(b.argmax(b.context, pass.act.targets + row, logits, count, allowed, vocab));
    });
  }

  std::span<float> logits_of(int64_t row) {
    const auto vocab = static_cast<size_t>(state_.config.vocab_size);
    return std::span(logits_).subspan(static_cast<size_t>(row) * vocab, vocab);
  }
  // logits_ of rows of hidden.
  Status read_logits(const Pass& pass, const void* hidden, int64_t rows) {
    const belle_backend& b = *state_.backend;
    logits_.resize(static_cast<size_t>(limits_.slots * state_.config.vocab_size));
    return over_logits(pass, hidden, rows, [&](int64_t row, int64_t count, const float* logits) {
      const size_t bytes = static_cast<size_t>(count) * logits_of(0).size_bytes();
      return backend::from_c(b.read(b.context, logits_of(row).data(), logits, bytes));
    });
  }

  // What is needed of rows of hidden to choose their tokens: the largest logits' places, or the logits.
  Status read_choices(const Pass& pass, const void* hidden, int64_t rows) {
    if (!greedy_) return read_logits(pass, hidden, rows);
    const belle_backend& b = *state_.backend;
    largest_.resize(static_cast<size_t>(rows));
    BELLE_TRY(backend::from_c(
        b.read(b.context, largest_.data(), pass.act.targets, largest_.size() * sizeof(int32_t))));
    // A row without a largest: its logits say why.
    return std::find(largest_.begin(), largest_.end(), -1) == largest_.end()
               ? Status()
               : read_logits(pass, hidden, rows);
  }

  Result<int32_t> choose(int64_t row, const Slot& slot) {
    if (greedy_ && largest_[static_cast<size_t>(row)] >= 0) return largest_[static_cast<size_t>(row)];
    // Keyed by the prompt and the place in its sequence: the batch around it changes nothing.
    const double uniform = random_.uniform(slot.ids.size(), static_cast<uint32_t>(slot.prompt));
    return sampler_.choose(logits_of(row), slot.ids, uniform);
  }

  // The next token of slots [first, end) from hidden [end - first, d]; finished sequences leave their slots.
  Status take_tokens(const Pass& pass, const void* hidden, size_t first) {
    const size_t rows = slots_.size() - first;
    BELLE_TRY(read_choices(pass, hidden, static_cast<int64_t>(rows)));
    std::vector<size_t> finished;
    for (size_t row = 0; row < rows; ++row) {
      Slot& slot = slots_[first + row];
      const auto chosen = choose(static_cast<int64_t>(row), slot);
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

  // rows: of the cache, one a token.
  Result<Pass> stage(const std::vector<int32_t>& ids, const std::vector<int32_t>& positions,
                     const std::vector<int32_t>& rows, std::span<const int32_t> bounds) const {
    const Activations& act = state_.workspace->activations();
    BELLE_TRY(write(act.ids, ids));
    BELLE_TRY(write(act.positions, positions));
    BELLE_TRY(cache_.place(*state_.backend, rows));
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
  bool greedy_;  // the largest logits are found where they are
  std::vector<std::vector<int32_t>> outputs_;
  std::vector<Slot> slots_;
  std::vector<float> logits_;     // [slots, V]
  std::vector<int32_t> largest_;  // [rows], of a greedy pass
  size_t next_ = 0;               // the first prompt not read yet
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
