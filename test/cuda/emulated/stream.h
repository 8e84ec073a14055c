#pragma once
// What a cudaStream_t of the emulated device points to: the door to its memory, for a stand-in of NVIDIA's
// libraries that works on it in a library of its own.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

// What a stream is captured into.
struct belle_emulated_graph {
  std::vector<std::function<int()>> work;  // each returns a cudaError_t
};

struct belle_emulated_stream {
  void (*open_memory)() = nullptr;
  void (*close_memory)() = nullptr;
  // The backend's own work is done when its call returns. A stand-in's may take a while: it counts it in and
  // out, and what comes after it on the stream waits.
  std::atomic<int64_t> begun{0}, done{0};
  // Copies from pinned memory that are under way: they read it when anything comes after them, or is waited
  // for.
  std::vector<std::function<void()>> arriving;
  // Its work goes here and is not done, while it is captured. Waiting for it, which nothing would end, or a
  // piece of work that has no place in a graph, spoils the capture.
  std::unique_ptr<belle_emulated_graph> captured;
  bool spoiled = false;
  // Lets the copies arrive: for a stand-in before its work begins.
  void (*arrive)(belle_emulated_stream*) = nullptr;
  // Does the work, or adds it to the capture.
  int (*submit)(belle_emulated_stream*, std::function<int()> work) = nullptr;
};
