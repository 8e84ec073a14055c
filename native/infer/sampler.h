#pragma once
// The choice of one token from one row of logits, with transformers' processors in transformers' order:
// repetition penalty, temperature, top-k, top-p. Scores are float32 as there; probabilities are float64.
#include <cstdint>
#include <span>
#include <vector>

#include "native/core/status.h"
#include "native/infer/generator.h"

namespace belle::infer {

// invalid_argument names the option, its value and what is allowed.
Status check_sampling(const GenerateRequest& request, int64_t vocabulary);

class Sampler {
 public:
  explicit Sampler(const GenerateRequest& request) : request_(request) {}
  // logits [vocab] are changed in place; `context` = prompt and new tokens so far; uniform in [0, 1), unused
  // when greedy. Ties go to the smaller id. numeric: a NaN, or no finite logit.
  Result<int32_t> choose(std::span<float> logits, std::span<const int32_t> context, double uniform);

 private:
  void penalise(std::span<float> logits, std::span<const int32_t> context);
  void keep_top_k();
  void keep_top_p();
  int32_t draw(double uniform);

  struct Candidate {
    float score;  // (logit - best logit) / temperature
    int32_t id;
  };
  const GenerateRequest& request_;
  std::vector<Candidate> candidates_;
  std::vector<int32_t> seen_;
};

}  // namespace belle::infer
