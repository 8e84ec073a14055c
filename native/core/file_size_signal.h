#pragma once
// HoldFileSizeSignal: a write past RLIMIT_FSIZE raises SIGXFSZ, which kills the process before write() can
// return EFBIG. While this lives the signal is held back on its thread only, and eaten afterwards, so that
// the host's signal handling stays as it was.
#include <signal.h>

#include <cerrno>
#include <ctime>

namespace belle {

class HoldFileSizeSignal {
 public:
  HoldFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~HoldFileSizeSignal() {
    if (sigismember(&before_, SIGXFSZ)) return;
    const timespec now{};
    while (sigtimedwait(&signal_, nullptr, &now) == -1 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  HoldFileSizeSignal(const HoldFileSizeSignal&) = delete;
  HoldFileSizeSignal& operator=(const HoldFileSizeSignal&) = delete;

 private:
  sigset_t signal_, before_;
};

}  // namespace belle
