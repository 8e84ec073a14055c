// What a kernel calls: barriers, warp exchanges, tensor cores, asynchronous copies.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "test/cuda/emulated/arena.h"
#include "test/cuda/emulated/fibers.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace belle::cuda::emulated {

alignas(1024) unsigned char dynamic_shared[kSharedBytes];

namespace {

struct Copy {
  void* to;
  unsigned char bytes[16];
};
struct Copies {
  std::vector<Copy> open;                 // of no group yet
  std::vector<std::vector<Copy>> groups;  // oldest first
};
std::vector<Copies> copies(kMaxThreads);

// Switching threads changes who threadIdx is.
dim3 index_of(unsigned thread) {
  return {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
}
void block_barrier() {
  const dim3 mine = threadIdx;
  wait_for_block();
  threadIdx = mine;
}
void warp_barrier() {
  const dim3 mine = threadIdx;
  wait_for_warp();
  threadIdx = mine;
}

unsigned lane() { return current_thread() % kWarp; }
unsigned warp_begin() { return current_thread() / kWarp * kWarp; }

float widen_half(uint32_t word, int half) {
  return __uint_as_float(half == 0 ? word << 16 : word & 0xffff0000u);
}

float cut(double x) {
  const auto nearest = static_cast<float>(x);
  return std::fabs(nearest) > std::fabs(x) ? std::nextafter(nearest, 0.0f) : nearest;
}

void deliver(std::vector<Copy>& group) {
  for (const Copy& copy : group) std::memcpy(copy.to, copy.bytes, 16);
}

}  // namespace

cudaError_t run_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread) {
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || shared_bytes > kSharedBytes || grid.x == 0 || grid.y == 0 ||
      grid.y > 65535 || grid.z == 0 || grid.z > 65535)
    return cudaErrorInvalidValue;
  const OpenMemory open;
  gridDim = grid, blockDim = block;
  bool backwards = false;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z) {
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
        std::memset(dynamic_shared, 0xff, shared_bytes);
        run_block(threads, backwards, [&](unsigned index) {
          copies[index] = {};
          threadIdx = index_of(index);
          thread();
        });
        backwards = !backwards;
      }
    }
  }
  return cudaSuccess;
}

void ldmatrix_x4(uint32_t (&out)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    std::fprintf(stderr, "ldmatrix: a row is not 16-byte aligned\n");
    std::abort();
  }
  slot_of(current_thread()).address = row;
  warp_barrier();
  const unsigned g = lane() / 4, t = lane() % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const auto at = [&](unsigned r, unsigned c) -> uint32_t {
      return static_cast<const uint16_t*>(slot_of(warp_begin() + 8 * i + r).address)[c];
    };
    out[i] = transposed ? at(2 * t, g) | at(2 * t + 1, g) << 16 : at(g, 2 * t) | at(g, 2 * t + 1) << 16;
  }
  warp_barrier();
}

void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Slot& own = slot_of(current_thread());
  std::memcpy(own.words, a, 16);
  std::memcpy(own.words + 4, b, 8);
  warp_barrier();
  const unsigned g = lane() / 4, t = lane() % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row_half = i / 2, col = 2 * t + i % 2;
    // As an A100 does: eight products and what was there, added exactly, then cut to float32 toward zero.
    double sum = d[i];
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned quad = k % 8 / 2, half = k % 2, far = k / 8;
      const Slot& of_a = slot_of(warp_begin() + 4 * g + quad);
      const Slot& of_b = slot_of(warp_begin() + 4 * col + quad);
      sum += double{widen_half(of_a.words[2 * far + row_half], static_cast<int>(half))} *
             widen_half(of_b.words[4 + far], static_cast<int>(half));
      if (k % 8 == 7) sum = cut(sum);
    }
    d[i] = static_cast<float>(sum);
  }
  warp_barrier();
}

void cp_async_16(void* shared, const void* global, bool there) {
  cp_async_upto_16(shared, global, there ? 16 : 0);
}
void cp_async_upto_16(void* shared, const void* global, int bytes) {
  if (reinterpret_cast<uintptr_t>(shared) % 16 != 0 ||
      (bytes > 0 && reinterpret_cast<uintptr_t>(global) % 16 != 0)) {
    std::fprintf(stderr, "cp.async: an address is not 16-byte aligned\n");
    std::abort();
  }
  if (bytes > 0 && !Arena::one().holds(global, static_cast<size_t>(bytes))) {
    std::fprintf(stderr, "cp.async: an address is not in one piece of device memory\n");
    std::abort();
  }
  Copy copy = {shared, {}};
  std::memcpy(copy.bytes, global, static_cast<size_t>(bytes));
  copies[current_thread()].open.push_back(copy);
}
void cp_async_commit() {
  Copies& own = copies[current_thread()];
  own.groups.push_back(std::move(own.open));
  own.open.clear();
}
void cp_async_wait(int pending) {
  std::vector<std::vector<Copy>>& groups = copies[current_thread()].groups;
  while (groups.size() > static_cast<size_t>(pending)) {
    deliver(groups.front());
    groups.erase(groups.begin());
  }
}

}  // namespace belle::cuda::emulated

using namespace belle::cuda::emulated;

void __syncthreads() { block_barrier(); }
void __syncwarp(unsigned) { warp_barrier(); }

unsigned __ballot_sync(unsigned, int predicate) {
  slot_of(current_thread()).words[0] = predicate != 0;
  warp_barrier();
  unsigned bits = 0;
  for (unsigned i = 0; i < kWarp; ++i) bits |= slot_of(warp_begin() + i).words[0] << i;
  warp_barrier();
  return bits;
}

int __syncthreads_count(int predicate) {
  slot_of(current_thread()).words[0] = predicate != 0;
  block_barrier();
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  int count = 0;
  for (unsigned i = 0; i < threads; ++i) count += static_cast<int>(slot_of(i).words[0]);
  block_barrier();
  return count;
}

uint32_t belle_shuffle(uint32_t value, unsigned source_lane) {
  slot_of(current_thread()).words[0] = value;
  warp_barrier();
  const uint32_t got = slot_of(warp_begin() + source_lane).words[0];
  warp_barrier();
  return got;
}
