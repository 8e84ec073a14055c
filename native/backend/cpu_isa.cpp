#include "native/backend/cpu_isa.h"

#include <cstdlib>

#include "native/backend/registry.h"

namespace belle::backend {

std::vector<const ops::KernelTable*> usable_kernels() {
  std::vector<const ops::KernelTable*> usable;
#ifdef BELLE_X86
  // What x86-64-v3 and -v4 let the compiler use; the operating system's part (register state) is checked by
  // the builtin.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4 && __builtin_cpu_supports("avx512bf16")) usable.push_back(&ops::avx512bf16::kernels());
  if (v4) usable.push_back(&ops::avx512::kernels());
  if (v3) usable.push_back(&ops::avx2::kernels());
#endif
  usable.push_back(&ops::baseline::kernels());
  return usable;
}

Result<const ops::KernelTable*> choose_kernels() {
  const auto usable = usable_kernels();
  const char* wanted = std::getenv("BELLE_CPU_ISA");
  if (!wanted || !*wanted) return usable.front();
  std::string names;
  for (const auto* table : usable) {
    if (table->isa == std::string(wanted)) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  return Status(StatusCode::invalid_argument, "BELLE_CPU_ISA is \"" + std::string(wanted).substr(0, 32) +
                                                  "\", which this CPU or build does not have; set one of " +
                                                  names + " or unset it");
}

std::string cpu_isa() {
  const auto chosen = choose_kernels();
  return chosen.ok() ? chosen.value()->isa : usable_kernels().front()->isa;
}

}  // namespace belle::backend
