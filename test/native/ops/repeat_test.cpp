// Ops that come again: the same results whether they are run or replayed, and what cannot be recorded is run.
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "native/model/repeated.h"
#include "test/native/backend_name.h"
#include "test/native/ops/kit.h"

namespace belle::test {

// Calls of the body in `times` of them: all, or what a backend that records needs.
static int calls_of(int times) {
  return on_library() && std::getenv("BELLE_CUDA_GRAPHS") == nullptr ? std::min(times, 3) : times;
}

// x = 2x + y, twice over: gemm, whose scratch and algorithms are made at first use, and an elementwise op.
struct Doubled {
  explicit Doubled(belle_backend& backend)
      : b(backend), x(backend, ones()), y(backend, ones()), two(b, twice()) {}
  static std::vector<float> ones() { return std::vector<float>(64, 1.0f); }
  static std::vector<float> twice() {
    std::vector<float> identity(64);
    for (size_t i = 0; i < 8; ++i) identity[9 * i] = 2;
    return identity;
  }
  Status step() {
    ++calls;
    belle_gemm_args g = {};
    g.m = g.n = g.k = g.lda = g.ldb = g.ldc = 8, g.alpha = 1;
    g.a = x.data(), g.b = two.data(), g.c = doubled.data();
    BELLE_TRY(from_c(b.gemm(b.context, &g)));
    return from_c(b.add(b.context, x.data(), doubled.data(), y.data(), 64, BELLE_F32));
  }
  float value() { return x.read()[17]; }
  void set_y(float value) {
    const std::vector<float> values(64, value);
    CHECK_OK(from_c(b.write(b.context, y.data(), values.data(), 256)));
  }

  belle_backend& b;
  Buffer x, y, two, doubled{b, ones()};
  int calls = 0;
};

TEST("repeated: what the device holds is read anew, and the calls are made once they are recorded") {
  on_every_isa(2, [](belle_backend& b, const std::string& isa) {
    Doubled d(b);
    const uint64_t key[] = {1, 2};
    float expected = 1;
    for (int i = 0; i < 7; ++i) {
      d.set_y(static_cast<float>(i));
      expected = 2 * expected + static_cast<float>(i);
      CHECK_OK(model::repeated(b, key, [&] { return d.step(); }));
      if (d.value() != expected) fail(__FILE__, __LINE__, isa + ", time " + std::to_string(i));
    }
    CHECK_EQ(d.calls, calls_of(7));
    // Another key is another recording.
    const uint64_t other[] = {1, 3};
    CHECK_OK(model::repeated(b, other, [&] { return d.step(); }));
    CHECK_EQ(d.calls, calls_of(7) + 1);
    // A buffer that goes takes the recordings with it.
    { const Buffer gone(b, std::vector<float>(4)); }
    const int before = d.calls;
    for (int i = 0; i < 7; ++i) CHECK_OK(model::repeated(b, key, [&] { return d.step(); }));
    CHECK_EQ(d.calls, before + calls_of(7));
  });
}

TEST("repeated: scratch memory that has moved ends what was recorded on the old") {
  on_every_isa(2, [](belle_backend& b, const std::string& isa) {
    const auto bias_of = [&](int64_t rows, Buffer& sums,
                             Buffer& from) {  // sums of columns, by scratch memory
      return from_c(b.bias_backward(b.context, sums.f32(), from.data(), rows, 32, BELLE_F32));
    };
    const std::vector<float> values = random_normal(4096 * 32, 1);
    Buffer few(b, std::vector<float>(values.begin(), values.begin() + 64 * 32)), many(b, values);
    Buffer sums(b, std::vector<float>(32)), others(b, std::vector<float>(32));
    const uint64_t key[] = {7};
    CHECK_OK(bias_of(64, sums, few));  // what these need
    std::vector<float> once;
    int calls = 0;
    for (int i = 0; i < 8; ++i) {
      if (i == 5) CHECK_OK(bias_of(4096, others, many));
      CHECK_OK(from_c(b.zero(b.context, sums.data(), 32 * 4)));
      CHECK_OK(model::repeated(b, key, [&] {
        ++calls;
        return bias_of(64, sums, few);
      }));
      if (i == 0) once = sums.read();
      if (!same_bits(sums.read(), once)) fail(__FILE__, __LINE__, isa + ", time " + std::to_string(i));
    }
    CHECK_EQ(calls, calls_of(5) + calls_of(3));
  });
}

TEST("repeated: ops with a call among them that cannot be recorded are run every time") {
  on_every_isa(2, [](belle_backend& b, const std::string& isa) {
    const std::vector<float> sent(64, 3.0f);
    std::vector<float> got(64);
    double total = 0;
    const std::function<Status(Doubled&)> calls[] = {
        [&](Doubled& d) { return from_c(b.read(b.context, got.data(), d.y.data(), 256)); },
        [&](Doubled& d) { return from_c(b.write(b.context, d.y.data(), sent.data(), 256)); },
        [&](Doubled& d) { return from_c(b.sum(b.context, d.y.f32(), 64, &total)); },
        [&](Doubled&) { return from_c(b.synchronize(b.context)); },
    };
    for (size_t kind = 0; kind < std::size(calls); ++kind) {
      Doubled d(b);
      const uint64_t key[] = {100 + kind};
      float expected = 1;
      for (int i = 0; i < 6; ++i) {
        expected = 2 * expected + (kind == 1 && i > 0 ? 3 : 1);
        CHECK_OK(model::repeated(b, key, [&]() -> Status {
          BELLE_TRY(d.step());
          return calls[kind](d);
        }));
        if (d.value() != expected) fail(__FILE__, __LINE__, isa + ", call " + std::to_string(kind));
      }
      // The time that was to be recorded, they were called twice and done once.
      CHECK_EQ(d.calls, 6 + (calls_of(6) < 6 ? 1 : 0));
    }
  });
}

TEST("repeated: an op that fails is told, every time, and the next ones are as ever") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Doubled d(b);
    const uint64_t key[] = {5};
    for (int i = 0; i < 5; ++i) {
      const Status status = model::repeated(b, key, [&]() -> Status {
        BELLE_TRY(d.step());
        return from_c(b.add(b.context, nullptr, d.x.data(), d.y.data(), 64, BELLE_F32));
      });
      CHECK_EQ(status.message(), std::string("add: out is NULL; pass a buffer from alloc()"));
    }
    CHECK_EQ(d.value(), 63.0f);  // 2^6 - 1: every time once
    CHECK_OK(d.step());
    CHECK_EQ(d.value(), 127.0f);
    CHECK_REFUSED(b.repeat_begin(b.context, key, 8, nullptr), StatusCode::invalid_argument,
                  "repeat_begin: done is NULL");
    int32_t again = 5;
    CHECK_OK(from_c(b.repeat_end(b.context, 0, &again)));  // of nothing
    CHECK_EQ(again, 0);
  });
}

// An op of another thread, which waits for as long as something is being recorded.
static void check_others_go_on(Doubled& d) {
  const float before = d.value();
  std::thread([&] { CHECK_OK(d.step()); }).join();
  CHECK_EQ(d.value(), 2 * before + 1);
}

TEST("repeated: what was begun is ended, by an exception and by a call that is wrong") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Doubled d(b);
    const uint64_t key[] = {6};
    for (int i = 0; i < 5; ++i) {
      bool thrown = false;
      try {
        (void)model::repeated(b, key, [&]() -> Status { throw std::bad_alloc(); });
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      CHECK(thrown);
      check_others_go_on(d);
    }
    const uint64_t other[] = {8};
    for (int i = 0; i < 4; ++i) {
      int32_t done = 0;
      CHECK_OK(from_c(b.repeat_begin(b.context, other, sizeof other, &done)));
      CHECK_EQ(done, 0);
      CHECK_REFUSED(b.repeat_end(b.context, 0, nullptr), StatusCode::invalid_argument,
                    "repeat_end: again is NULL");
      check_others_go_on(d);
    }
  });
}

TEST("repeated: where the runtime refuses a graph, the ops are run") {
  if (!on_emulated_device()) return skip("needs the emulated device, whose calls can be told to fail");
  for (const char* call :
       {"cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch"}) {
    on_every_isa(1, [&](belle_backend& b, const std::string&) {
      Doubled d(b);
      const uint64_t key[] = {9};
      const auto times = [&](int count) {
        for (int i = 0; i < count; ++i) CHECK_OK(model::repeated(b, key, [&] { return d.step(); }));
      };
      setenv("BELLE_EMULATED_FAILURE", call, 1);
      times(5);
      CHECK_EQ(d.value(), 63.0f);
      unsetenv("BELLE_EMULATED_FAILURE");
      times(1);  // refused once, run ever after
      CHECK_EQ(d.value(), 127.0f);
      check_others_go_on(d);
      // A replay that is refused.
      const uint64_t other[] = {10};
      for (int i = 0; i < 4; ++i) CHECK_OK(model::repeated(b, other, [&] { return d.step(); }));
      setenv("BELLE_EMULATED_FAILURE", "cudaGraphLaunch", 1);
      CHECK_OK(model::repeated(b, other, [&] { return d.step(); }));
      unsetenv("BELLE_EMULATED_FAILURE");
      CHECK_EQ(d.value(), 8191.0f);  // 2^13 - 1
    });
  }
}

TEST("repeated: inside one another") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Doubled d(b);
    const uint64_t outer[] = {11}, inner[] = {12};
    float expected = 1;
    for (int i = 0; i < 6; ++i) {
      CHECK_OK(model::repeated(b, outer, [&]() -> Status {
        BELLE_TRY(d.step());
        return model::repeated(b, inner, [&] { return d.step(); });
      }));
      expected = 4 * expected + 3;
      CHECK_EQ(d.value(), expected);
    }
  });
}

TEST("repeated: another thread's ops are no part of a recording") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Doubled first(b), second(b);
    const uint64_t key[] = {21};
    std::thread other;
    for (int i = 0; i < 6; ++i) {
      CHECK_OK(model::repeated(b, key, [&]() -> Status {
        if (first.calls == 2) {  // the call that is recorded
          other = std::thread([&] { CHECK_OK(second.step()); });
          std::this_thread::sleep_for(std::chrono::milliseconds(30));
        }
        return first.step();
      }));
      if (other.joinable()) other.join();
    }
    CHECK_EQ(first.value(), 127.0f);  // 2^7 - 1
    CHECK_EQ(second.value(), 3.0f);
  });
}

}  // namespace belle::test
