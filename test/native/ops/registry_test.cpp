#include <cstdlib>
#include <filesystem>
#include <optional>

#include "test/native/ops/kit.h"

namespace belle::test {

// An environment variable for the length of a scope; the caller's value comes back.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

static void check_not_open(const std::string& name, int threads, StatusCode code, const std::string& text) {
  const auto opened = backend::open(name, threads);
  CHECK(!opened.ok());
  CHECK_EQ(static_cast<int>(opened.status().code()), static_cast<int>(code));
  if (opened.status().message().find(text) == std::string::npos)
    fail(__FILE__, __LINE__, opened.status().message() + " lacks " + text);
}

TEST("registry: a CUDA backend refuses a setting that it does not know, by auto too") {
  const char* library = std::getenv("BELLE_TEST_BACKEND");
  if (library == nullptr) return skip("needs a CUDA backend in BELLE_TEST_BACKEND");
  const Setting named("BELLE_CUDA_LIB", library);
  for (const std::string name : {"cuda", "auto"}) {
    {
      const Setting attention("BELLE_CUDA_ATTENTION", "flash");
      check_not_open(name, 0, StatusCode::invalid_argument,
                     "BELLE_CUDA_ATTENTION is \"flash\"; it can be mma");
    }
    const Setting graphs("BELLE_CUDA_GRAPHS", "1");
    check_not_open(name, 0, StatusCode::invalid_argument, "BELLE_CUDA_GRAPHS is \"1\"; it can be off");
  }
}

TEST("registry: cpu is always there, auto falls back to it") {
  const Setting none("BELLE_CUDA_LIB", "/nowhere/libbelle_cuda.so");
  const auto infos = backend::list();
  CHECK_EQ(infos.size(), 2u);
  CHECK_EQ(infos[0].name, "cpu");
  CHECK(infos[0].available && infos[0].reason.empty());
  CHECK_EQ(infos[0].description, backend::cpu_isa());
  CHECK_EQ(infos[1].name, "cuda");
  CHECK(!infos[1].available && infos[1].description.empty());
  CHECK(infos[1].reason.find("BELLE_CUDA_LIB names /nowhere/libbelle_cuda.so, which cannot be loaded") == 0);
  for (const std::string name : {"cpu", "auto"}) {
    const auto opened = backend::open(name, 1);
    CHECK_OK(opened.status());
    CHECK_EQ(std::string(opened.value()->name), "cpu");
    CHECK_EQ(opened.value()->abi_version, BELLE_BACKEND_ABI_VERSION);
  }
}

TEST("registry: errors") {
  check_not_open("tpu", 1, StatusCode::invalid_argument,
                 "there is no backend \"tpu\"; use auto, cpu or cuda");
  check_not_open("cpu", -1, StatusCode::invalid_argument,
                 "threads is -1; use 0 (all usable cores) or 1 to 1024");
  const Setting isa("BELLE_CPU_ISA", "avx1024");
  check_not_open("cpu", 1, StatusCode::invalid_argument,
                 "BELLE_CPU_ISA is \"avx1024\", which this CPU or build does not have; set one of ");
}

TEST("registry: BELLE_CPU_ISA forces each instruction set of this CPU") {
  CHECK_EQ(backend::cpu_isa(), backend::usable_kernels().front()->isa);
  for (const auto* kernels : backend::usable_kernels()) {
    const Setting isa("BELLE_CPU_ISA", kernels->isa);
    CHECK_EQ(backend::cpu_isa(), kernels->isa);
    CHECK_OK(backend::open("cpu", 1).status());
  }
}

TEST("registry: a whole backend library opens and is closed; a broken one is explained") {
  // Beside this program, wherever its build folder was moved.
  const std::string folder = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fake";
  if (!std::filesystem::exists(folder)) return skip("the folder fake is not beside this program");
  {
    const Setting library("BELLE_CUDA_LIB", folder + "/libfake_whole.so");
    const auto opened = backend::open("auto", 1);
    CHECK_OK(opened.status());
    if (opened.ok()) CHECK_EQ(std::string(opened.value()->name), "cuda");
    const backend::BackendInfo cuda = backend::list()[1];
    CHECK(cuda.available && cuda.reason.empty());
    CHECK_EQ(cuda.description, "a device that does not exist");
  }
  const std::string version = std::to_string(BELLE_BACKEND_ABI_VERSION);
  const std::pair<const char*, std::string> broken[] = {
      {"libfake_old.so", "does not fit: its ABI version is 0, this build needs " + version +
                             "; install the backend library of the same release"},
      {"libfake_partial.so", "does not fit: it lacks attention_decode, sum"},
      {"libfake_deaf.so", "no CUDA device was found"},
      {"libfake_empty.so", "is no backend library: it does not export belle_backend_open"},
  };
  for (const auto& [file, text] : broken) {
    const Setting library("BELLE_CUDA_LIB", folder + "/" + file);
    check_not_open("cuda", 1, StatusCode::unsupported, text);
    CHECK_EQ(std::string(backend::open("auto", 1).value()->name), "cpu");
  }
}

}  // namespace belle::test
