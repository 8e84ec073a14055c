#pragma once
// How an op's header declares its kernel: the contract is a function type in belle::ops, seen by everybody;
// the function itself exists once per instruction set, in a namespace of that name, and is reached through
// KernelTable.
#include <cstdint>

#ifdef BELLE_ISA
#define BELLE_KERNEL(Type, name) \
  namespace BELLE_ISA {          \
  Type name;                     \
  }
#else
#define BELLE_KERNEL(Type, name)
#endif

namespace belle::ops {

// The element type of a kernel's buffers, by the numbers of belle_dtype.
enum class Type : int32_t { f32 = 0, bf16 = 1 };

// Of internal linkage, as all that is compiled once per instruction set (native/ops/vector.h).
static inline int64_t size_of(Type type) { return type == Type::f32 ? 4 : 2; }  // bytes of an element
static inline const void* offset(const void* base, int64_t elements, Type type) {
  return static_cast<const char*>(base) + elements * size_of(type);
}
static inline void* offset(void* base, int64_t elements, Type type) {
  return static_cast<char*>(base) + elements * size_of(type);
}

}  // namespace belle::ops
