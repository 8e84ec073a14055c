#pragma once
// The entries of the CPU backend, by subject; open_cpu puts them together.
#include <mutex>
#include <new>

#include "native/abi/check.h"
#include "native/abi/op_checks.h"
#include "native/abi/status.h"
#include "native/backend/cpu_context.h"
#include "native/include/belle/backend.h"

namespace belle::backend {

void set_memory_entries(belle_backend& backend);     // cpu_memory.cpp
void set_matrix_entries(belle_backend& backend);     // cpu_matrix.cpp: gemm, peak_flops
void set_loss_entries(belle_backend& backend);       // cpu_loss.cpp
void set_attention_entries(belle_backend& backend);  // cpu_attention.cpp
void set_decode_entries(belle_backend& backend);     // cpu_decode.cpp
void set_row_entries(belle_backend& backend);        // cpu_rows.cpp: norms, rope, embedding
void set_flat_entries(belle_backend& backend);       // cpu_flat.cpp: elementwise, adamw, sums

// The ABI's types as the kernels take them; at: element `index` of a buffer.
inline ops::Type kernel_type(int32_t type) { return static_cast<ops::Type>(type); }
inline int64_t element_bytes(int32_t type) { return ops::size_of(kernel_type(type)); }
inline const void* at(const void* p, int64_t index, int32_t type) {
  return ops::offset(p, index, kernel_type(type));
}
inline void* at(void* p, int64_t index, int32_t type) { return ops::offset(p, index, kernel_type(type)); }

inline constexpr float kNoSlope = 0;  // of attention without ALiBi, for the kernels to point to

using abi::Check;
using abi::to_c;

// out_of_memory, made without memory.
belle_status memory_ran_out();

// Runs an op's body alone on its context. No exception crosses the ABI.
template <class Body>
belle_status run_op(void* context, Body body) try {
  CpuContext& cpu = *static_cast<CpuContext*>(context);
  const std::lock_guard lock(cpu.mutex);
  return to_c(body(cpu));
} catch (const std::bad_alloc&) {
  return memory_ran_out();
}

}  // namespace belle::backend
