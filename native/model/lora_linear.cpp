#include "native/model/lora_linear.h"

namespace belle::model {
namespace {

Status product(const Pass& pass, belle_gemm_args args) {
  const belle_backend& b = *pass.state.backend;
  args.a_type = args.b_type = pass.state.type();
  return backend::from_c(b.gemm(b.context, &args));
}

// activations.lora_hidden [T, rank] = x A^T
Status hidden(const Pass& pass, const LoraGroup& group, const void* x) {
  const Model::State& s = pass.state;
  belle_gemm_args args{};
  args.m = pass.tokens;
  args.n = group.rank;
  args.k = group.in;
  args.a = x;
  args.lda = group.in;
  args.b = s.weight(group.a);
  args.ldb = group.in;
  args.transpose_b = 1;
  args.c = pass.act.lora_hidden;
  args.ldc = group.rank;
  args.alpha = 1;
  args.c_type = s.type();
  return product(pass, args);
}

}  // namespace

Status lora_forward(const Pass& pass, const LoraGroup& group, void* y, const void* x) {
  if (group.rank == 0) return {};
  const Model::State& s = pass.state;
  BELLE_TRY(hidden(pass, group, x));
  for (const LoraSite& site : group.sites) {
    belle_gemm_args args{};
    args.m = pass.tokens;
    args.n = site.out;
    args.k = site.r;
    args.a = element(pass.act.lora_hidden, site.row, s.dtype);
    args.lda = group.rank;
    args.b = s.weight(site.b);
    args.ldb = site.r;
    args.transpose_b = 1;
    args.c = element(y, site.column, s.dtype);
    args.ldc = group.width;
    args.alpha = site.scale;
    args.beta = 1;
    args.c_type = s.type();
    BELLE_TRY(product(pass, args));
  }
  return {};
}

Status lora_backward(const Pass& pass, const Gradients& gradients, const LoraGroup& group, void* dx,
                     const void* dy, const void* x) {
  if (group.rank == 0) return {};
  const Model::State& s = pass.state;
  const bool trained = lora_trained(gradients, group);
  const float beta = gradients.overwrite ? 0.0f : 1.0f;
  if (trained) BELLE_TRY(hidden(pass, group, x));
  for (const LoraSite& site : group.sites) {
    const void* dy_site = element(dy, site.column, s.dtype);
    belle_gemm_args args{};  // dhidden [T, r] = scale dy B
    args.m = pass.tokens;
    args.n = site.r;
    args.k = site.out;
    args.a = dy_site;
    args.lda = group.width;
    args.b = s.weight(site.b);
    args.ldb = site.r;
    args.c = element(pass.act.dlora_hidden, site.row, s.dtype);
    args.ldc = group.rank;
    args.alpha = site.scale;
    args.c_type = s.type();
    BELLE_TRY(product(pass, args));
    if (!trained) continue;
    args = {};  // dB [out, r] = scale dy^T hidden
    args.m = site.out;
    args.n = site.r;
    args.k = pass.tokens;
    args.a = dy_site;
    args.lda = group.width;
    args.transpose_a = 1;
    args.b = element(pass.act.lora_hidden, site.row, s.dtype);
    args.ldb = group.rank;
    args.c = gradients.at(site.b);
    args.ldc = site.r;
    args.alpha = site.scale;
    args.beta = beta;
    args.c_type = BELLE_F32;
    BELLE_TRY(product(pass, args));
  }
  if (trained) {
    belle_gemm_args args{};  // dA [rank, in] = dhidden^T x
    args.m = group.rank;
    args.n = group.in;
    args.k = pass.tokens;
    args.a = pass.act.dlora_hidden;
    args.lda = group.rank;
    args.transpose_a = 1;
    args.b = x;
    args.ldb = group.in;
    args.c = gradients.at(group.a);
    args.ldc = group.in;
    args.alpha = 1;
    args.beta = beta;
    args.c_type = BELLE_F32;
    BELLE_TRY(product(pass, args));
  }
  belle_gemm_args args{};  // dx += dhidden A
  args.m = pass.tokens;
  args.n = group.in;
  args.k = group.rank;
  args.a = pass.act.dlora_hidden;
  args.lda = group.rank;
  args.b = s.weight(group.a);
  args.ldb = group.in;
  args.c = dx;
  args.ldc = group.in;
  args.alpha = 1;
  args.beta = 1;
  args.c_type = s.type();
  return product(pass, args);
}

}  // namespace belle::model
