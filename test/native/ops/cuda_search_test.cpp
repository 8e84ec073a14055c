#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "test/native/ops/kit.h"

namespace belle::test {
namespace {

namespace fs = std::filesystem;

// The variables the search reads, each set or unset for the length of a scope.
class SearchEnvironment {
 public:
  explicit SearchEnvironment(const std::map<std::string, std::string>& values) {
    for (const char* name :
         {"BELLE_CUDA_LIB", "CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PATH", "HOME"}) {
      const char* value = std::getenv(name);
      before_[name] = value ? std::optional<std::string>(value) : std::nullopt;
      const auto wanted = values.find(name);
      set(name, wanted == values.end() ? std::nullopt : std::optional<std::string>(wanted->second));
    }
  }
  ~SearchEnvironment() {
    for (const auto& [name, value] : before_) set(name, value);
  }
  SearchEnvironment(const SearchEnvironment&) = delete;
  SearchEnvironment& operator=(const SearchEnvironment&) = delete;

 private:
  static void set(const std::string& name, const std::optional<std::string>& value) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
  std::map<std::string, std::optional<std::string>> before_;
};

// A backend library of test/native/ops/fake; they lie beside this program.
std::string fake(const std::string& kind) {
  return fs::read_symlink("/proc/self/exe").parent_path() / "fake" / ("libfake_" + kind + ".so");
}

std::string copy_to(const fs::path& folder, const std::string& kind) {
  fs::create_directories(folder);
  const fs::path file = folder / "libbelle_cuda.so";
  fs::copy_file(fake(kind), file, fs::copy_options::overwrite_existing);
  return file;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "kind state" of every place, in order.
std::vector<std::string> summary(const backend::CudaSearch& search) {
  std::vector<std::string> out;
  for (const backend::CudaPlace& place : search.places)
    out.push_back(place.kind + " " + backend::state_name(place.state));
  return out;
}

void check_contains(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) fail(__FILE__, __LINE__, text + " lacks " + part);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : ", ") + line;
  return out;
}

}  // namespace

TEST("cuda search: the package comes first, what is refused is passed over, and every place has a reason") {
  const fs::path folder = temporary_folder();
  const std::string toolkit = copy_to(folder / "cuda/lib64", "whole");
  const std::string package = copy_to(folder / "package", "whole");
  const SearchEnvironment variables({{"CUDA_HOME", folder / "cuda"}});
  {
    const auto search = backend::search_cuda(0, package);
    CHECK_EQ(joined(summary(search)), "BELLE_CUDA_LIB absent, package used");
    CHECK(search.backend && search.status.ok());
    CHECK_EQ(search.places[1].path, package);
    CHECK_EQ(search.places[1].reason, "");
  }
  const std::string stale = copy_to(folder / "stale", "old");
  const auto search = backend::search_cuda(0, stale);
  CHECK_EQ(joined(summary(search)),
           "BELLE_CUDA_LIB absent, package refused, addon absent, loader absent, toolkit used");
  CHECK_EQ(search.places[1].path, stale);
  check_contains(search.places[1].reason, stale + " does not fit: its ABI version is 0, this build needs ");
  CHECK_EQ(search.places[2].reason, "there is no such file");
  CHECK_EQ(search.places[3].reason, "the loader does not find it");
  CHECK_EQ(search.places[4].path, toolkit);
  CHECK(search.backend && search.status.ok());
  CHECK(backend::open("cuda", 1, stale).ok());
  CHECK_EQ(backend::list(stale)[1].places.size(), search.places.size());
}

TEST("cuda search: NVIDIA's folders of Python environments, each Python once") {
  const fs::path folder = temporary_folder();
  const std::string library = copy_to(folder / "env/lib/python3.11/site-packages/nvidia/belle/lib", "whole");
  fs::create_directories(folder / "user/.local/lib/python3.9/site-packages/nvidia/cublas/lib");
  fs::create_directories(folder / "env/bin");
  std::ofstream(folder / "env/bin/python3") << "";
  const std::string bin = folder / "env/bin";
  {
    const SearchEnvironment variables({{"VIRTUAL_ENV", folder / "env"}});
    const auto search = backend::search_cuda(0, "");
    CHECK_EQ(search.places.back().kind + " " + search.places.back().path, "python " + library);
    CHECK(search.backend != nullptr);
    CHECK_EQ(search.places[1].reason, "belle-train-cuda-linux-x64 is not installed");
  }
  {
    const SearchEnvironment variables({{"PATH", "/nowhere:" + bin}});
    CHECK(backend::search_cuda(0, "").backend != nullptr);
  }
  fs::remove(library);
  const SearchEnvironment variables(
      {{"VIRTUAL_ENV", folder / "env"}, {"PATH", bin + ":" + bin}, {"HOME", folder / "user"}});
  const auto search = backend::search_cuda(0, "");
  std::vector<std::string> pythons;
  for (const auto& place : search.places)
    if (place.kind == "python") pythons.push_back(place.path);
  const std::string rest = "/site-packages/nvidia/*/lib/libbelle_cuda.so";
  CHECK_EQ(joined(pythons), (folder / "env/lib/python3.11").string() + rest + ", " +
                                (folder / "user/.local/lib/python3.9").string() + rest);
  check_contains(search.status.message(),
                 "the CUDA backend is not installed: libbelle_cuda.so is in none of the places that "
                 "belle-train doctor lists; install belle-train-cuda-linux-x64");
  CHECK_EQ(static_cast<int>(search.status.code()), static_cast<int>(StatusCode::not_found));
}

TEST("cuda search: a library that fits and finds no device ends it; BELLE_CUDA_LIB is the only place") {
  const fs::path folder = temporary_folder();
  copy_to(folder / "cuda/lib64", "whole");
  {
    const SearchEnvironment variables({{"CUDA_HOME", folder / "cuda"}});
    const auto search = backend::search_cuda(0, fake("deaf"));
    CHECK_EQ(joined(summary(search)), "BELLE_CUDA_LIB absent, package failed");
    CHECK_EQ(search.status.message(), "no CUDA device was found");
  }
  const SearchEnvironment variables({{"CUDA_HOME", folder / "cuda"}, {"BELLE_CUDA_LIB", fake("old")}});
  const auto search = backend::search_cuda(0, fake("whole"));
  CHECK_EQ(joined(summary(search)), "BELLE_CUDA_LIB refused");
  CHECK(!search.backend);
  check_contains(search.status.message(), "libfake_old.so does not fit: its ABI version is 0");
}

TEST("cuda search: a file that the loader could not map is refused before it is tried") {
  const std::string good = bytes_of(fake("whole"));
  std::string other_machine = good;
  other_machine[18] = static_cast<char>(other_machine[18] == 62 ? 183 : 62);
  std::vector<std::pair<std::string, std::string>> broken = {
      {good.substr(0, good.size() / 2),
       "it is cut off after " + std::to_string(good.size() / 2) + " bytes; copy or install it again"},
      {good.substr(0, 20), "it is cut off after 20 bytes; copy or install it again"},
      {"", "it is cut off after 0 bytes; copy or install it again"},
      {"<html>not found</html>" + std::string(100, ' '), "it is no shared library"},
      {other_machine, "it is built for "},
  };
  // The fakes need no library; the emulated device, which a build with sanitizers lacks, does.
  const fs::path needy = fs::path(fake("whole")).parent_path().parent_path() / "libbelle_cuda_emulated.so";
  if (fs::exists(needy)) {
    std::string orphan = bytes_of(needy);
    for (size_t at = 0; (at = orphan.find("libc.so.6", at)) != std::string::npos;) orphan[at + 3] = '_';
    broken.emplace_back(orphan, "lib_.so.6: cannot open shared object file");
  }
  const std::string file = temporary_folder() + "/libbelle_cuda.so";
  for (const auto& [bytes, why] : broken) {
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << bytes;
    {
      const SearchEnvironment variables({});
      const auto search = backend::search_cuda(0, file);
      CHECK_EQ(summary(search)[1], "package refused");
      check_contains(search.status.message(), file + " cannot be loaded (" + why);
      CHECK_EQ(search.places[1].reason, search.status.message());
    }
    const SearchEnvironment variables({{"BELLE_CUDA_LIB", file}});
    check_contains(backend::open("cuda", 1).status().message(),
                   "BELLE_CUDA_LIB names " + file + ", which cannot be loaded (" + why);
  }
}

}  // namespace belle::test
