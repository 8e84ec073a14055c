#pragma once
// RMSNorm or LayerNorm, whichever the config asks for. x, out, dx: [tokens, d] float32.
#include "native/backend/registry.h"
#include "native/core/status.h"
#include "native/model/decoder.h"

namespace belle::model {

struct NormSite {
  int64_t weight, bias;  // parameter offsets; bias -1 with RMSNorm
  float *mean, *rstd;    // [tokens]; mean null with RMSNorm
};

inline Status norm(const Pass& pass, const NormSite& at, float* out, const float* x) {
  const belle_backend& b = *pass.state.backend;
  const DecoderConfig& c = pass.state.config;
  const float* weight = pass.state.weight(at.weight);
  return backend::from_c(c.layer_norm() ? b.layer_norm(b.context, out, at.mean, at.rstd, x, weight,
                                                       pass.state.weight(at.bias), c.norm_eps, pass.tokens,
                                                       c.hidden_size, BELLE_F32)
                                        : b.rms_norm(b.context, out, at.rstd, x, weight, c.norm_eps,
                                                     pass.tokens, c.hidden_size, BELLE_F32));
}

// gradients null: no weight gradients.
inline Status norm_backward(const Pass& pass, const NormSite& at, float* dx, float* gradients,
                            const float* dout, const float* x) {
  const belle_backend& b = *pass.state.backend;
  const DecoderConfig& c = pass.state.config;
  const float* weight = pass.state.weight(at.weight);
  float* dweight = gradients == nullptr ? nullptr : gradients + at.weight;
  if (!c.layer_norm()) {
    return backend::from_c(b.rms_norm_backward(b.context, dx, dweight, dout, x, weight, at.rstd, nullptr,
                                               pass.tokens, c.hidden_size, BELLE_F32));
  }
  float* dbias = gradients == nullptr ? nullptr : gradients + at.bias;
  return backend::from_c(b.layer_norm_backward(b.context, dx, dweight, dbias, dout, x, weight, at.mean,
                                               at.rstd, nullptr, pass.tokens, c.hidden_size, BELLE_F32));
}

inline NormSite attention_norm(const LayerOffsets& at, const LayerActivations& a) {
  return {at.attention_norm, at.attention_norm_bias, a.attention_mean, a.attention_rstd};
}
inline NormSite mlp_norm(const LayerOffsets& at, const LayerActivations& a) {
  return {at.mlp_norm, at.mlp_norm_bias, a.mlp_mean, a.mlp_rstd};
}
inline NormSite final_norm(const Pass& pass) {
  return {pass.state.map.final_norm, pass.state.map.final_norm_bias, pass.act.final_mean,
          pass.act.final_rstd};
}
inline NormSite embedding_norm(const Pass& pass) {
  return {pass.state.map.embedding_norm, pass.state.map.embedding_norm_bias, pass.act.embedding_mean,
          pass.act.embedding_rstd};
}

}  // namespace belle::model
