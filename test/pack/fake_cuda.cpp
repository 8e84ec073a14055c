// A libbelle_cuda.so for the packaging tests: the fake backend, with GPU code of which only the headers are
// real. NO_90A: the last entry is sm_90. STRAY: one exported symbol too many.
#include <cstdint>
#include <cstdlib>

#include "test/native/ops/fake/fake_backend.cpp"

namespace {

// As in scripts/package_cuda/fatbin.mjs.
struct Entry {
  uint16_t kind, version = 0x101;
  uint32_t header_size = 64;
  uint64_t size = 8;
  uint32_t unknown[3] = {};
  uint32_t architecture;
  uint32_t more[2] = {};
  uint64_t flags;
  uint64_t rest[2] = {};
  uint64_t code = 0;
};
struct Container {
  uint32_t magic = 0xba55ed50;
  uint16_t version = 1, header_size = 16;
  uint64_t size = sizeof(Entry) * 3;
  Entry entries[3];
};
static_assert(sizeof(Entry) == 72 && sizeof(Container) == 16 + 3 * 72);

#ifdef NO_90A
constexpr uint64_t kLastFlags = 0x11;
#else
constexpr uint64_t kLastFlags = 0x100011;
#endif

__attribute__((used, section(".nv_fatbin"))) const Container kCode[2] = {
    {.entries = {{.kind = 1, .architecture = 80, .flags = 0x8011},
                 {.kind = 2, .architecture = 80, .flags = 0x11},
                 {.kind = 2, .architecture = 90, .flags = 0x100011}}},
    {.entries = {{.kind = 1, .architecture = 80, .flags = 0x8011},
                 {.kind = 2, .architecture = 80, .flags = 0x11},
                 {.kind = 2, .architecture = 90, .flags = kLastFlags}}},
};

// Something of the C library, so that it is needed in a version.
__attribute__((used)) const char* home() { return std::getenv("HOME"); }

}  // namespace

#ifdef STRAY
EXPORT int stray_symbol() { return 0; }
#endif
