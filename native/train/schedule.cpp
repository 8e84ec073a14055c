#include <algorithm>
#include <cmath>

#include "native/train/trainer.h"

namespace belle::train {

// transformers/optimization.py, in its own order of operations: the factors are equal to the last bit.
double schedule_factor(Schedule type, int64_t step, int64_t warmup_steps, int64_t total_steps,
                       double decay_ratio) {
  if (type == Schedule::constant) return 1.0;
  const auto at = static_cast<double>(step), warmup = static_cast<double>(warmup_steps);
  const auto total = static_cast<double>(total_steps);
  if (step < warmup_steps) return at / std::max(1.0, warmup);
  switch (type) {
    case Schedule::constant:
    case Schedule::constant_with_warmup:
      return 1.0;
    case Schedule::linear:
      return std::max(0.0, (total - at) / std::max(1.0, total - warmup));
    case Schedule::cosine: {
      const double progress = (at - warmup) / std::max(1.0, total - warmup);
      return std::max(0.0, 0.5 * (1.0 + std::cos(M_PI * 0.5 * 2.0 * progress)));
    }
    case Schedule::warmup_stable_decay: {
      const double decay = std::min(std::ceil(decay_ratio * total), std::max(0.0, total - warmup));
      const double stable = total - warmup - decay;
      if (at < warmup + stable) return 1.0;
      if (at >= warmup + stable + decay) return 0.0;
      return 1.0 - std::sqrt((at - warmup - stable) / std::max(1.0, decay));
    }
  }
  return 1.0;
}

}  // namespace belle::train
