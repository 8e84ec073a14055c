#include "test/cuda/emulated/fibers.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" void belle_fiber_switch(void** saved, void* next);
#if defined(__x86_64__)
// Keeps what the System V ABI says a call keeps.
asm(R"(
.text
.globl belle_fiber_switch
.type belle_fiber_switch, @function
belle_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size belle_fiber_switch, .-belle_fiber_switch
)");
#else
#error "the emulated CUDA threads are written for x86-64"
#endif

namespace belle::cuda::emulated {

namespace {

constexpr size_t kStackBytes = 128 << 10;

enum class Waits { no, warp, block, ended };

struct Block {
  const std::function<void(unsigned)>* body = nullptr;
  unsigned count = 0, current = 0;
  void* scheduler = nullptr;
  std::vector<void*> stacks = std::vector<void*>(kMaxThreads);  // where each thread goes on
  std::vector<Waits> waits = std::vector<Waits>(kMaxThreads);
  std::vector<Slot> slots = std::vector<Slot>(kMaxThreads);
  unsigned char* memory = nullptr;
};

Block& block() {
  static Block one;
  return one;
}

void enter() {
  Block& b = block();
  (*b.body)(b.current);
  b.waits[b.current] = Waits::ended;
  belle_fiber_switch(&b.stacks[b.current], b.scheduler);
  std::abort();  // an ended thread is not run again
}

void prepare(unsigned thread) {
  Block& b = block();
  if (b.memory == nullptr) {
    void* memory = mmap(nullptr, kStackBytes * kMaxThreads, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("no memory for the stacks of emulated threads");
      std::abort();
    }
    b.memory = static_cast<unsigned char*>(memory);
  }
  auto** top = reinterpret_cast<void**>(b.memory + kStackBytes * (thread + 1)) - 2;
  *--top = nullptr;  // enter's return address: it has none
  *--top = reinterpret_cast<void*>(&enter);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  b.stacks[thread] = top;
  b.waits[thread] = Waits::no;
}

void wait(Waits what) {
  Block& b = block();
  b.waits[b.current] = what;
  belle_fiber_switch(&b.stacks[b.current], b.scheduler);
}

// Lets [begin, end) go on when all of them wait for `what` or have ended, and at least one waits.
bool release(unsigned begin, unsigned end, Waits what) {
  Block& b = block();
  bool any = false;
  for (unsigned t = begin; t < end; ++t) {
    if (b.waits[t] != what && b.waits[t] != Waits::ended) return false;
    any = any || b.waits[t] == what;
  }
  for (unsigned t = begin; any && t < end; ++t) {
    if (b.waits[t] == what) b.waits[t] = Waits::no;
  }
  return any;
}

}  // namespace

void run_block(unsigned count, bool backwards, const std::function<void(unsigned)>& thread) {
  Block& b = block();
  b.body = &thread;
  b.count = count;
  for (unsigned t = 0; t < count; ++t) prepare(t);
  for (;;) {
    for (unsigned i = 0; i < count; ++i) {
      const unsigned t = backwards ? count - 1 - i : i;
      if (b.waits[t] != Waits::no) continue;
      b.current = t;
      belle_fiber_switch(&b.scheduler, b.stacks[t]);
    }
    bool released = false;
    for (unsigned warp = 0; warp < count; warp += kWarp)
      released |= release(warp, std::min(count, warp + kWarp), Waits::warp);
    if (!released) released = release(0, count, Waits::block);
    if (released) continue;
    for (unsigned t = 0; t < count; ++t) {
      if (b.waits[t] == Waits::ended) continue;
      std::fprintf(stderr, "thread %u waits for threads of its warp or block that wait for another barrier\n",
                   t);
      std::abort();
    }
    return;
  }
}

unsigned current_thread() { return block().current; }
void wait_for_block() { wait(Waits::block); }
void wait_for_warp() { wait(Waits::warp); }
Slot& slot_of(unsigned thread) { return block().slots[thread]; }

}  // namespace belle::cuda::emulated
