#include "native/infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace belle::infer {
namespace {

constexpr int64_t kMaxNewTokens = 1 << 24;

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

}  // namespace

Status check_sampling(const GenerateRequest& r, int64_t vocabulary) {
  if (r.max_new_tokens < 0 || r.max_new_tokens > kMaxNewTokens) {
    return invalid("max_new_tokens is " + std::to_string(r.max_new_tokens) + "; expected 0 to " +
                   std::to_string(kMaxNewTokens));
  }
  if (!(r.temperature >= 0) || !std::isfinite(r.temperature)) {
    return invalid("temperature is " + std::to_string(r.temperature) +
                   "; expected 0 (greedy) or a finite number above");
  }
  if (r.top_k < 0) return invalid("top_k is " + std::to_string(r.top_k) + "; expected 0 (off) or more");
  if (!(r.top_p > 0 && r.top_p <= 1))
    return invalid("top_p is " + std::to_string(r.top_p) + "; expected above 0, up to 1");
  if (!(r.repetition_penalty > 0) || !std::isfinite(r.repetition_penalty)) {
    return invalid("repetition_penalty is " + std::to_string(r.repetition_penalty) +
                   "; expected a finite number above 0 (1 = off)");
  }
  if (r.vocabulary < 0 || r.vocabulary > vocabulary) {
    return invalid("vocabulary is " + std::to_string(r.vocabulary) + "; expected 0 (all) to the model's " +
                   std::to_string(vocabulary) + " rows");
  }
  return {};
}

Result<int32_t> Sampler::choose(std::span<float> logits, std::span<const int32_t> context, double uniform) {
  penalise(logits, context);
  if (request_.vocabulary > 0) logits = logits.first(static_cast<size_t>(request_.vocabulary));
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {
      return Status(StatusCode::numeric,
                    "the logit of token " + std::to_string(i) +
                        " is not a number; the weights are damaged or training diverged");
    }
    if (logits[i] > logits[best]) best = i;
  }
  if (!std::isfinite(logits[best])) {
    return Status(StatusCode::numeric,
                  "no token has a finite largest logit; the weights are damaged or training diverged");
  }
  if (request_.temperature == 0) return static_cast<int32_t>(best);
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    // Against the best, which changes no probability, so that no temperature overflows.
    const double gap = static_cast<double>(logits[i]) - static_cast<double>(logits[best]);
    candidates_.push_back({static_cast<float>(gap / request_.temperature), static_cast<int32_t>(i)});
  }
  keep_top_k();
  keep_top_p();
  return draw(uniform);
}

void Sampler::penalise(std::span<float> logits, std::span<const int32_t> context) {
  if (request_.repetition_penalty == 1.0) return;
  const auto penalty = static_cast<float>(request_.repetition_penalty);
  seen_.assign(context.begin(), context.end());
  std::sort(seen_.begin(), seen_.end());
  seen_.erase(std::unique(seen_.begin(), seen_.end()), seen_.end());
  for (const int32_t id : seen_) {
    float& score = logits[static_cast<size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

void Sampler::keep_top_k() {
  const auto k = static_cast<size_t>(request_.top_k);
  if (k == 0 || k >= candidates_.size()) return;
  std::vector<float> scores;
  for (const Candidate& c : candidates_) scores.push_back(c.score);
  std::nth_element(scores.begin(), scores.begin() + static_cast<ptrdiff_t>(k) - 1, scores.end(),
                   std::greater<>());
  const float least = scores[k - 1];  // ties with the k-th stay, as in transformers
  std::erase_if(candidates_, [&](const Candidate& c) { return c.score < least; });
}

void Sampler::keep_top_p() {
  if (request_.top_p >= 1) return;
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  double total = 0;
  for (const Candidate& c : candidates_) total += std::exp(static_cast<double>(c.score));
  // From the least likely up, tokens go while what has gone stays within 1 - top_p; one always stays.
  double gone = 0;
  while (candidates_.size() > 1) {
    gone += std::exp(static_cast<double>(candidates_.back().score)) / total;
    if (gone > 1 - request_.top_p) break;
    candidates_.pop_back();
  }
}

int32_t Sampler::draw(double uniform) {
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  double total = 0, sum = 0;
  for (const Candidate& c : candidates_) total += std::exp(static_cast<double>(c.score));
  int32_t last = candidates_.front().id;
  for (const Candidate& c : candidates_) {
    const double share = std::exp(static_cast<double>(c.score));
    if (share == 0) continue;
    sum += share;
    last = c.id;
    if (uniform * total < sum) break;
  }
  return last;
}

}  // namespace belle::infer
