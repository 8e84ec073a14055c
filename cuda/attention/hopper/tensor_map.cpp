#include "cuda/attention/hopper/tensor_map.h"

#include <string>

namespace belle::cuda {

namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

// From the driver that is loaded: nothing is linked.
Status find_encode(Encode* out) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  BELLE_TRY(check_cuda("attention", cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                                                     cudaEnableDefault, &result)));
  if (result != cudaDriverEntryPointSuccess || !found)
    return {StatusCode::internal,
            "attention: the driver lacks cuTensorMapEncodeTiled; install one of CUDA 13 or later, or "
            "set BELLE_CUDA_ATTENTION=mma"};
  *out = reinterpret_cast<Encode>(found);
  return {};
}

}  // namespace

Status make_tensor_map(const HeadRows& of, int rows, CUtensorMap* map) {
  static const struct Found {
    Encode encode = nullptr;
    Status status = find_encode(&encode);
  } found;
  BELLE_TRY(found.status);
  const auto wide = [](int64_t n) { return static_cast<cuuint64_t>(n); };
  const cuuint64_t sizes[3] = {wide(of.head_dim), wide(of.heads), wide(of.tokens)};
  const cuuint64_t strides[2] = {wide(of.head_stride) * 2, wide(of.stride) * 2};
  const cuuint32_t box[3] = {kMapColumns, 1, static_cast<cuuint32_t>(rows)}, steps[3] = {1, 1, 1};
  const CUresult result =
      found.encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(of.base), sizes, strides, box,
                   steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                   CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result == CUDA_SUCCESS) return {};
  return {StatusCode::internal, "attention: cuTensorMapEncodeTiled says error " + std::to_string(result) +
                                    "; BELLE_CUDA_ATTENTION=mma turns to kernels that need no tensor map"};
}

}  // namespace belle::cuda
