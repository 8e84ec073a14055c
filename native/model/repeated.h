#pragma once
// repeated: ops that come again, at once where a backend has recorded them (backend.h, repeat_begin).
#include <cstdint>
#include <span>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::model {

// What repeat_begin began is ended, also by an exception.
class Repetition {
 public:
  explicit Repetition(const belle_backend& backend) : b_(backend) {}
  ~Repetition() {
    if (open_) static_cast<void>(end(false));
  }
  Repetition(const Repetition&) = delete;
  Repetition& operator=(const Repetition&) = delete;

  Status begin(std::span<const uint64_t> key) {
    int32_t done = 0;
    BELLE_TRY(backend::from_c(b_.repeat_begin(b_.context, key.data(), key.size_bytes(), &done)));
    open_ = done == 0;
    return {};
  }
  bool open() const { return open_; }
  Status end(bool good) {
    open_ = false;
    int32_t again = 0;
    const Status ended = backend::from_c(b_.repeat_end(b_.context, good ? 0 : 1, &again));
    again_ = again != 0;
    return ended;
  }
  bool again() const { return again_; }

 private:
  const belle_backend& b_;
  bool open_ = false, again_ = false;
};

// body() calls the ops: a Status. It may be called a second time, and need not be called at all. The key
// holds whatever their arguments follow from, addresses included, and a number that no other caller has.
template <class Body>
Status repeated(const belle_backend& b, std::span<const uint64_t> key, Body body) {
  Repetition repetition(b);
  BELLE_TRY(repetition.begin(key));
  if (!repetition.open()) return {};
  const Status ran = body();
  const Status ended = repetition.end(ran.ok());
  if (repetition.again()) return body();
  return ran.ok() ? ended : ran;
}

}  // namespace belle::model
