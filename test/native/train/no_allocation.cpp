// "No allocation inside a step": once every micro-batch has been seen, steps take no memory from the heap.
#include <atomic>
#include <cstdlib>
#include <new>

#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

namespace {
std::atomic<int64_t> allocations{0};
thread_local bool refuse = false;  // as if memory had run out
}  // namespace

// All forms that the program uses, for a sanitizer would give the others functions of its own.
void* operator new(size_t bytes) {
  ++allocations;
  if (void* block = refuse ? nullptr : std::malloc(bytes > 0 ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  ++allocations;
  void* block = nullptr;
  if (posix_memalign(&block, static_cast<size_t>(alignment), bytes) == 0) return block;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return refuse ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
}
void* operator new[](size_t bytes) { return ::operator new(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t& no) noexcept { return ::operator new(bytes, no); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
// What the backend's buffers and scratch memory come from.
extern "C" void* aligned_alloc(size_t alignment, size_t bytes) {
  ++allocations;
  void* block = nullptr;
  return posix_memalign(&block, alignment, bytes) == 0 ? block : nullptr;
}

namespace belle::train {
namespace {

// Allocations from the first event of the second epoch to the last event of the run.
int64_t allocations_after_warm_up(model::Model& model, const TrainConfig& config) {
  constexpr int64_t kSteps = 4;  // of an epoch: 8 micro-batches, 2 a step
  const std::vector<Batch> batches = fixture::random_batches(8);
  auto trainer = Trainer::create(model, memory_source(batches), memory_source(batches), config);
  CHECK_OK(trainer.status());
  if (!trainer.ok()) return -1;
  int64_t before = -1, after = -1, evaluations = 0;
  const std::function<void(const Event&)> on_event = [&](const Event& event) {
    if (std::holds_alternative<EvalEvent>(event)) ++evaluations;
    const auto* step = std::get_if<StepEvent>(&event);
    if (step == nullptr) return;
    after = allocations;
    if (step->step == kSteps + 1) before = after;
  };
  const std::atomic<bool> stop{false};
  CHECK_OK(trainer.value()->run(stop, on_event));
  CHECK(evaluations >= 2);
  CHECK(before > 0);
  return after - before;
}

TEST("no allocation inside a step: the counter counts") {
  const int64_t before = allocations;
  const auto one = std::make_unique<std::vector<float>>(100);
  CHECK_EQ(allocations - before, int64_t{2});
  std::free(std::aligned_alloc(64, 128));
  CHECK_EQ(allocations - before, int64_t{3});
}

TEST("an op without memory for its error text says that memory ran out") {
  if (test::backend_name() != std::string("cpu") && !test::on_emulated_device())
    return test::skip("the library brings its own operator new, which nothing here can refuse");
  const auto model = fixture::tiny_model();
  const belle_backend& b = model->backend();
  void* block = nullptr;
  refuse = true;
  const belle_status op = b.gemm(b.context, nullptr), alloc = b.alloc(b.context, SIZE_MAX, &block);
  refuse = false;
  const std::string expected =
      test::backend_name() == std::string("cpu")
          ? "memory ran out in an op of the CPU backend; use a smaller model, batch or max_length"
          : "host memory ran out in an op of the CUDA backend";
  for (const belle_status& status : {op, alloc}) {
    CHECK_EQ(status.code, static_cast<int32_t>(StatusCode::out_of_memory));
    CHECK_EQ(std::string(status.message), expected);
  }
  CHECK(block == nullptr);
}

TEST("no allocation inside a step") {
  if (test::backend_name() != std::string("cpu"))
    return test::skip("a device's own libraries take memory in this process");
  using model::Recompute;
  for (const DType dtype : fixture::kTypes) {
    for (const int threads : {1, 2}) {
      for (const Trainable trainable : {Trainable::all, Trainable::embeddings, Trainable::lora}) {
        for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::layer}) {
          TrainConfig config = fixture::quick_config();
          config.num_train_epochs = 4;
          config.eval_steps = 2;
          config.trainable = trainable;
          config.recompute = recompute;
          const auto llama = fixture::tiny_model(threads, dtype), bloom = fixture::tiny_bloom(threads, dtype);
          for (model::Model* model : {llama.get(), bloom.get()}) {
            if (trainable == Trainable::lora) CHECK_OK(model->add_lora({.target_modules = {"all-linear"}}));
          }
          CHECK_EQ(allocations_after_warm_up(*llama, config), int64_t{0});
          CHECK_EQ(allocations_after_warm_up(*bloom, config), int64_t{0});
        }
      }
    }
  }
}

}  // namespace
}  // namespace belle::train
