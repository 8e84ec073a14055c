// Where libnccl is, and which of its functions we need.
#include "cuda/collective/nccl.h"
#include "cuda/library/find_library.h"

namespace belle::cuda {

namespace {

constexpr const char* kFiles[] = {"libnccl.so.2"};
constexpr LibraryNames kNames = {"NCCL", "BELLE_NCCL", "nvidia-nccl-cu13", kFiles};
constexpr int kOldest = 21800;  // 2.18.0: collectives that do not block

void resolve(LibrarySymbols& symbols, NcclFunctions* nccl) {
  symbols.get("ncclGetVersion", &nccl->version)
      .get("ncclGetUniqueId", &nccl->make_id)
      .get("ncclCommInitRankConfig", &nccl->init)
      .get("ncclCommGetAsyncError", &nccl->async_error)
      .get("ncclCommFinalize", &nccl->finalize)
      .get("ncclCommDestroy", &nccl->destroy)
      .get("ncclCommAbort", &nccl->abort)
      .get("ncclGetErrorString", &nccl->error_string)
      .get("ncclGetLastError", &nccl->last_error)
      .get("ncclAllReduce", &nccl->all_reduce)
      .get("ncclReduceScatter", &nccl->reduce_scatter)
      .get("ncclAllGather", &nccl->all_gather)
      .get("ncclBroadcast", &nccl->broadcast);
}

std::string show_version(int version) {  // 23007 is 2.30.7
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

NcclLibrary find_nccl() {
  NcclLibrary out;
  const FoundLibrary found =
      find_library(kNames, [&](LibrarySymbols& symbols) { resolve(symbols, &out.functions); });
  if (!found.loaded) {
    out.sentence = found.problem;
    return out;
  }
  int version = 0;
  if (out.functions.version(&version) != kNcclSuccess || version < kOldest) {
    out.sentence = "NCCL " + show_version(version) + " in " + found.file +
                   " is older than 2.18; pip install nvidia-nccl-cu13, or name a newer file in BELLE_NCCL";
    return out;
  }
  out.loaded = true;
  out.sentence = "NCCL " + show_version(version) + " is loaded from " + found.file;
  return out;
}

}  // namespace belle::cuda
