#pragma once
// What a cudaStream_t of the emulated device points to: the door to its memory, for a stand-in of NVIDIA's
// libraries that works on it in a library of its own.
struct belle_emulated_stream {
  void (*open_memory)();
  void (*close_memory)();
};
