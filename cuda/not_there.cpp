// Entries that are not there yet, each replaced by its own file.
#include "cuda/entries.h"

namespace belle::cuda {

namespace {

template <class... Arguments>
belle_status not_there(void*, Arguments...) {
  return abi::to_c(StatusCode::unsupported, "this op of the CUDA backend is not written yet");
}

}  // namespace

__attribute__((weak)) void set_gemm_entries(belle_backend& b) {
  b.gemm = not_there;
  b.peak_flops = not_there;
}
__attribute__((weak)) void set_attention_entries(belle_backend& b) {
  b.attention = not_there;
  b.attention_backward = not_there;
  b.attention_decode = not_there;
}
__attribute__((weak)) void set_norm_entries(belle_backend& b) {
  b.rms_norm = not_there;
  b.rms_norm_backward = not_there;
  b.layer_norm = not_there;
  b.layer_norm_backward = not_there;
}
__attribute__((weak)) void set_embedding_entries(belle_backend& b) {
  b.embedding = not_there;
  b.embedding_backward = not_there;
}
__attribute__((weak)) void set_rope_entries(belle_backend& b) { b.rope = not_there; }
__attribute__((weak)) void set_sum_entries(belle_backend& b) {
  b.bias_backward = not_there;
  b.sum = not_there;
  b.sum_squares = not_there;
}
__attribute__((weak)) void set_adamw_entries(belle_backend& b) { b.adamw = not_there; }
__attribute__((weak)) void set_loss_entries(belle_backend& b) { b.linear_cross_entropy = not_there; }

}  // namespace belle::cuda
