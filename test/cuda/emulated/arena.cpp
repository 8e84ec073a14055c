#include "test/cuda/emulated/arena.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace belle::cuda::emulated {

namespace {

constexpr size_t kBytes = size_t{64} << 30, kPage = 4096;

void must(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::abort();
}

struct sigaction handler_before = {};

// Says what to look for; the access faults again and is handled as it would be without this.
void explain_fault(int, siginfo_t* info, void*) {
  constexpr std::string_view text =
      "the host touches memory of the emulated CUDA device; use the backend's read() and write()\n";
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  if (Arena::one().covers(at) && ::write(STDERR_FILENO, text.data(), text.size()) < 0) std::abort();
  sigaction(SIGSEGV, &handler_before, nullptr);
}

}  // namespace

Arena& Arena::one() {
  static Arena arena;
  return arena;
}

Arena::Arena() {
  void* memory = mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must(memory != MAP_FAILED, "no address space for the memory of the emulated device");
  base_ = static_cast<unsigned char*>(memory);
  struct sigaction explain = {};
  explain.sa_sigaction = explain_fault;
  explain.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &explain, &handler_before);
}

void* Arena::allocate(size_t bytes) {
  if (bytes > kBytes / 4) return nullptr;
  const size_t whole = (bytes + kPage - 1) / kPage * kPage;
  size_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [begin, size] : taken_) {
      if (begin - at >= whole) break;
      at = begin + size;
    }
    if (kBytes - at < whole) return nullptr;
    taken_.emplace(at, whole);
    if (at + whole > highest_) highest_ = at + whole;
  }
  const OpenMemory open;
  std::memset(base_ + at, 0xff, bytes);
  return base_ + at;
}

bool Arena::release(void* memory) {
  const std::lock_guard lock(mutex_);
  if (!covers(reinterpret_cast<uintptr_t>(memory))) return false;
  const auto found = taken_.find(static_cast<size_t>(static_cast<unsigned char*>(memory) - base_));
  if (found == taken_.end()) return false;
  must(madvise(memory, found->second, MADV_DONTNEED) == 0, "the emulated device's memory is not given back");
  taken_.erase(found);
  return true;
}

bool Arena::covers(uintptr_t address) const {
  const auto base = reinterpret_cast<uintptr_t>(base_);
  return address >= base && address - base < kBytes;
}

bool Arena::holds(const void* memory, size_t bytes) {
  if (!covers(reinterpret_cast<uintptr_t>(memory))) return false;
  const std::lock_guard lock(mutex_);
  const auto at = static_cast<size_t>(static_cast<const unsigned char*>(memory) - base_);
  auto after = taken_.upper_bound(at);
  if (after == taken_.begin()) return false;
  const auto& [begin, size] = *--after;
  return at + bytes <= begin + size;
}

void Arena::open() {
  opened_.lock();
  const std::lock_guard lock(mutex_);
  opened_to_ = highest_;
  if (opened_to_ > 0)
    must(mprotect(base_, opened_to_, PROT_READ | PROT_WRITE) == 0,
         "the emulated device's memory does not open");
}

void Arena::close() {
  if (opened_to_ > 0)
    must(mprotect(base_, opened_to_, PROT_NONE) == 0, "the emulated device's memory does not close");
  opened_.unlock();
}

}  // namespace belle::cuda::emulated
