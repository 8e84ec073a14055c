// Which of the ops that come again are run, recorded and replayed: host code of the CUDA backend.
#include "cuda/graph/recordings.h"

#include <memory>

#include "test/native/check.h"

namespace belle::test {

using cuda::Visit;
using Recordings = cuda::Recordings<std::unique_ptr<int>>;

static std::string key_of(int i) { return std::string(3, '\0') + std::to_string(i); }

TEST("recordings: two runs, a recording, then replays") {
  Recordings recordings;
  CHECK(recordings.next("a") == Visit::run);
  CHECK(recordings.next("b") == Visit::run);
  CHECK(recordings.next("a") == Visit::run);
  CHECK(recordings.next("a") == Visit::record);
  recordings.keep("a", std::make_unique<int>(7));
  for (int i = 0; i < 3; ++i) CHECK(recordings.next("a") == Visit::replay);
  CHECK_EQ(*recordings.graph("a"), 7);
  CHECK(recordings.next("b") == Visit::run);
  CHECK(recordings.next("b") == Visit::record);
}

TEST("recordings: keys are bytes, zeros among them") {
  Recordings recordings;
  const std::string one("k\0a", 3), other("k\0b", 3);
  for (int i = 0; i < 2; ++i) CHECK(recordings.next(one) == Visit::run);
  CHECK(recordings.next(one) == Visit::record);
  recordings.keep(one, std::make_unique<int>(1));
  CHECK(recordings.next(other) == Visit::run);
  CHECK(recordings.next("k") == Visit::run);
  CHECK(recordings.next(one) == Visit::replay);
}

TEST("recordings: what could not be recorded is run from then on, and forgotten with the rest") {
  Recordings recordings;
  for (int i = 0; i < 3; ++i) recordings.next("a");
  recordings.refuse("a");
  for (int i = 0; i < 5; ++i) CHECK(recordings.next("a") == Visit::run);
  recordings.clear();
  CHECK_EQ(recordings.size(), 0u);
  for (int i = 0; i < 2; ++i) CHECK(recordings.next("a") == Visit::run);
  CHECK(recordings.next("a") == Visit::record);
  recordings.keep("a", std::make_unique<int>(1));
  recordings.refuse("a");  // a launch that failed
  CHECK(recordings.next("a") == Visit::run);
}

TEST("recordings: the key that came longest ago makes room") {
  Recordings recordings;
  for (int i = 0; i < static_cast<int>(Recordings::kMost); ++i) {
    for (int time = 0; time < 3; ++time) recordings.next(key_of(i));
    recordings.keep(key_of(i), std::make_unique<int>(i));
  }
  CHECK(recordings.next(key_of(0)) == Visit::replay);  // so that 1 is the oldest
  CHECK(recordings.next("new") == Visit::run);
  CHECK_EQ(recordings.size(), Recordings::kMost);
  CHECK(recordings.next(key_of(0)) == Visit::replay);
  CHECK(recordings.next(key_of(2)) == Visit::replay);
  CHECK(recordings.next(key_of(1)) == Visit::run);
}

}  // namespace belle::test
