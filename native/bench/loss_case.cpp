// The chunked loss, and the three products in it alone.
#include <algorithm>

#include "native/backend/logit_rows.h"
#include "native/bench/cases.h"

namespace belle::bench {
namespace {

int64_t chunk_rows(const Request& r, const belle_backend& b) {
  if (r.chunk_rows > 0) return std::min(r.chunk_rows, r.rows);
  return std::min(r.rows, backend::logit_rows(r.vocab, static_cast<int64_t>(size_of(r.type)),
                                              backend::logit_room(b.name)));
}

struct Matrices {
  void *hidden, *head, *logits, *dhidden;
  float* dhead;
  int64_t chunk;
};

Result<Matrices> allocate(const belle_backend& backend, Buffers& buffers, const Request& r) {
  BELLE_TRY(elements({r.rows, r.vocab, r.d}).status());
  Matrices matrices = {};
  matrices.chunk = chunk_rows(r, backend);
  BELLE_ASSIGN(matrices.hidden, buffers.normal({r.rows, r.d}, r.type));
  BELLE_ASSIGN(matrices.head, buffers.normal({r.vocab, r.d}, r.type, 0.02f));
  BELLE_ASSIGN(matrices.logits,
               buffers.normal({matrices.chunk, backend::logit_width(r.vocab)}, r.type, 0.02f));
  BELLE_ASSIGN(matrices.dhidden, buffers.zeros({r.rows, r.d}, size_of(r.type)));
  BELLE_ASSIGN(void* dhead, buffers.zeros({r.vocab, r.d}, sizeof(float)));
  matrices.dhead = static_cast<float*>(dhead);
  return matrices;
}

double products(const Request& r) {
  return 6 * static_cast<double>(r.rows) * static_cast<double>(r.vocab) * static_cast<double>(r.d);
}

int64_t logits_bytes(const Request& r, int64_t chunk) {
  return chunk * r.vocab * static_cast<int64_t>(size_of(r.type));
}

}  // namespace

Result<Case> loss_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  BELLE_ASSIGN(const Matrices matrices, allocate(backend, buffers, r));
  belle_linear_cross_entropy_args args = {};
  args.rows = r.rows, args.d = r.d, args.vocab = r.vocab;
  args.hidden = matrices.hidden, args.head = matrices.head;
  BELLE_ASSIGN(args.targets, buffers.ids(r.rows, r.vocab));
  BELLE_ASSIGN(void* losses, buffers.zeros({r.rows}, sizeof(float)));
  args.losses = static_cast<float*>(losses);
  args.dhidden = matrices.dhidden, args.dhead = matrices.dhead;
  args.accumulate = 1;  // as the trainer does
  args.grad_scale = 1 / static_cast<float>(r.rows);
  args.logits_scratch = matrices.logits, args.chunk_rows = matrices.chunk;
  args.type = r.type;
  return Case{
      .call = [&backend,
               args] { return backend::from_c(backend.linear_cross_entropy(backend.context, &args)); },
      .flops = products(r),
      .chunk_rows = matrices.chunk,
      .logits_bytes = logits_bytes(r, matrices.chunk)};
}

Result<Case> loss_gemms_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  BELLE_ASSIGN(const Matrices all, allocate(backend, buffers, r));
  const auto call = [&backend, all, r]() -> Status {
    const size_t row = static_cast<size_t>(r.d) * size_of(r.type);
    for (int64_t at = 0; at < r.rows; at += all.chunk) {
      const int64_t rows = std::min(all.chunk, r.rows - at);
      const char* hidden = static_cast<const char*>(all.hidden) + static_cast<size_t>(at) * row;
      belle_gemm_args logits = gemm_args(hidden, false, all.head, true, rows, r.vocab, r.d, r.type);
      logits.c = all.logits;
      BELLE_TRY(backend::from_c(backend.gemm(backend.context, &logits)));
      belle_gemm_args dhidden = gemm_args(all.logits, false, all.head, false, rows, r.d, r.vocab, r.type);
      dhidden.c = static_cast<char*>(all.dhidden) + static_cast<size_t>(at) * row;
      BELLE_TRY(backend::from_c(backend.gemm(backend.context, &dhidden)));
      belle_gemm_args dhead = gemm_args(all.logits, true, hidden, false, r.vocab, r.d, rows, r.type);
      dhead.c = all.dhead, dhead.c_type = BELLE_F32, dhead.beta = 1;
      BELLE_TRY(backend::from_c(backend.gemm(backend.context, &dhead)));
    }
    return {};
  };
  return Case{.call = call,
              .flops = products(r),
              .chunk_rows = all.chunk,
              .logits_bytes = logits_bytes(r, all.chunk)};
}

}  // namespace belle::bench
