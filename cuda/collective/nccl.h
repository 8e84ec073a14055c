#pragma once
// NVIDIA's NCCL, found and loaded at run time: nothing of it is needed to build or to start. The few
// prototypes below are those of NCCL 2.18 and later.
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/context.h"
#include "native/include/belle/collective.h"

namespace belle::cuda {

// Values of NCCL's enums (nccl.h).
constexpr int kNcclSuccess = 0, kNcclSystemError = 2, kNcclInvalidArgument = 4, kNcclInvalidUsage = 5,
              kNcclRemoteError = 6, kNcclInProgress = 7;
constexpr int kNcclInt8 = 0, kNcclFloat32 = 7, kNcclBfloat16 = 9;
constexpr int kNcclSum = 0;

struct NcclId {
  char bytes[BELLE_COLLECTIVE_ID_BYTES];
};

// ncclConfig_t as of 2.18. A later NCCL takes `size` bytes of it and has its own defaults for the rest; the
// last field is padding in 2.18.
struct NcclConfig {
  size_t size = sizeof(NcclConfig);
  uint32_t magic = 0xcafebeef;
  uint32_t version = 21800;
  int32_t blocking = 0;  // a call that would wait for a peer comes back with kNcclInProgress
  int32_t cga_cluster_size = INT_MIN, min_ctas = INT_MIN, max_ctas = INT_MIN;  // INT_MIN: not set
  const char* net_name = nullptr;
  int32_t split_share = INT_MIN;
  int32_t reserved = INT_MIN;
};
static_assert(sizeof(NcclConfig) == 48 && offsetof(NcclConfig, net_name) == 32);

using NcclComm = struct NcclCommOpaque*;

struct NcclFunctions {
  int (*version)(int* out);
  int (*make_id)(NcclId* out);
  int (*init)(NcclComm* out, int world, NcclId id, int rank, NcclConfig* config);
  int (*async_error)(NcclComm comm, int* out);
  int (*finalize)(NcclComm comm);
  int (*destroy)(NcclComm comm);
  int (*abort)(NcclComm comm);
  const char* (*error_string)(int result);
  const char* (*last_error)(NcclComm comm);
  int (*all_reduce)(const void* in, void* out, size_t count, int type, int op, NcclComm comm,
                    cudaStream_t stream);
  int (*reduce_scatter)(const void* in, void* out, size_t count, int type, int op, NcclComm comm,
                        cudaStream_t stream);
  int (*all_gather)(const void* in, void* out, size_t count, int type, NcclComm comm, cudaStream_t stream);
  int (*broadcast)(const void* in, void* out, size_t count, int type, int root, NcclComm comm,
                   cudaStream_t stream);
};

// A library file that has all these functions. It stays loaded.
struct NcclLibrary {
  NcclFunctions functions = {};
  bool loaded = false;
  std::string sentence;  // which file it is, or what is missing
};
// As find_library (library/find_library.h) looks for it, by BELLE_NCCL.
NcclLibrary find_nccl();

}  // namespace belle::cuda
