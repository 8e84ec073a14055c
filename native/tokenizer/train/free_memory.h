#pragma once
// Between the phases of training: what one phase freed must not count as used while the next one grows.
#include <cstdlib>  // says whether this is glibc
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace belle::tokenizer {

inline void return_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace belle::tokenizer
