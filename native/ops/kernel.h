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

}  // namespace belle::ops
