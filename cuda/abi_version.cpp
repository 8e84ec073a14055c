// The ABI version as data: it can be read from the file, without loading it (scripts/package-cuda.mjs).
#include "native/include/belle/backend.h"

extern "C" {
// Declared first: a constant alone would stay inside this file.
extern const uint32_t belle_backend_abi __attribute__((visibility("default")));
const uint32_t belle_backend_abi = BELLE_BACKEND_ABI_VERSION;
}
