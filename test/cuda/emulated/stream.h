#pragma once
// What a cudaStream_t of the emulated device points to: the door to its memory, for a stand-in of NVIDIA's
// libraries that works on it in a library of its own.
#include <atomic>
#include <cstdint>

struct belle_emulated_stream {
  void (*open_memory)();
  void (*close_memory)();
  // The backend's own work is done when its call returns. A stand-in's may take a while: it counts it in and
  // out, and what comes after it on the stream waits.
  std::atomic<int64_t> begun{0}, done{0};
};
