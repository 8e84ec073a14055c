#include "native/backend/shared_object.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

namespace belle::backend {

namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
constexpr uint16_t kMachine = EM_NONE;
#endif

std::string machine_name(uint16_t machine) {
  if (machine == EM_X86_64) return "x86-64";
  if (machine == EM_AARCH64) return "aarch64";
  return std::string("machine ").append(std::to_string(machine));
}

Status refuse(const std::string& why) { return {StatusCode::invalid_data, why}; }

Status cut_off(uint64_t size) {
  return refuse("it is cut off after " + std::to_string(size) + " bytes; copy or install it again");
}

bool inside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace

Status check_shared_object(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {StatusCode::io, "it cannot be read"};
  const auto size = static_cast<uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  Elf64_Ehdr header = {};
  file.seekg(0);
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  if (static_cast<size_t>(file.gcount()) >= SELFMAG && std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return refuse("it is no shared library");
  if (size < sizeof(header)) return cut_off(size);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
    return refuse("it is no 64-bit shared library");
  if (header.e_machine != kMachine) {
    return refuse("it is built for " + machine_name(header.e_machine) + ", this program for " +
                  machine_name(kMachine));
  }
  // The table of sections is the last thing in the file.
  const uint64_t sections = uint64_t{header.e_shnum} * header.e_shentsize;
  const uint64_t segments = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (!inside(header.e_shoff, sections, size) || !inside(header.e_phoff, segments, size))
    return cut_off(size);
  std::vector<Elf64_Phdr> table(header.e_phnum);
  file.clear();
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  file.read(reinterpret_cast<char*>(table.data()), static_cast<std::streamsize>(segments));
  if (!file) return {StatusCode::io, "it cannot be read"};
  for (const Elf64_Phdr& segment : table) {
    if (segment.p_type == PT_LOAD && !inside(segment.p_offset, segment.p_filesz, size)) return cut_off(size);
  }
  return {};
}

}  // namespace belle::backend
