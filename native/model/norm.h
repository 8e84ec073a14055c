#pragma once
// RMSNorm or LayerNorm, whichever the config asks for. x, out, dx: [tokens, d] of the model's dtype.
#include "native/backend/registry.h"
#include "native/core/status.h"
#include "native/model/decoder.h"

namespace belle::model {

struct NormSite {
  int64_t weight, bias;  // parameter offsets; bias -1 with RMSNorm
  float *mean, *rstd;    // [tokens]; mean null with RMSNorm
};

inline Status norm(const Pass& pass, const NormSite& at, void* out, const void* x) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const void* weight = s.weight(at.weight);
  return backend::from_c(
      c.layer_norm()
          ? b.layer_norm(b.context, out, at.mean, at.rstd, x, weight, s.weight(at.bias), c.norm_eps,
                         pass.tokens, c.hidden_size, s.type())
          : b.rms_norm(b.context, out, at.rstd, x, weight, c.norm_eps, pass.tokens, c.hidden_size, s.type()));
}

// dx = norm^T(dout) at x (+ residual, which may be dx)
inline Status norm_backward(const Pass& pass, const NormSite& at, void* dx, const Gradients& gradients,
                            const void* dout, const void* x, const void* residual) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const void* weight = s.weight(at.weight);
  float* dweight = gradients.at(at.weight);
  return backend::from_c(
      c.layer_norm() ? b.layer_norm_backward(b.context, dx, dweight, gradients.at(at.bias), dout, x, weight,
                                             at.mean, at.rstd, residual, pass.tokens, c.hidden_size, s.type())
                     : b.rms_norm_backward(b.context, dx, dweight, dout, x, weight, at.rstd, residual,
                                           pass.tokens, c.hidden_size, s.type()));
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
