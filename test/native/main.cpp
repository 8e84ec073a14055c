#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "test/native/check.h"

namespace belle::test {

static int failures_in_case = 0;
static std::string skipped_because;

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
void fail(const char* file, int line, const std::string& what) {
  if (++failures_in_case <= 20) std::cout << "    " << file << ":" << line << ": " << what << "\n";
}
void skip(const std::string& why) { skipped_because = why; }

std::string shared_folder() {
  const char* set = std::getenv("BELLE_SHARED");
  const std::string path = set ? set : "../shared";
  return std::filesystem::exists(path + "/goldens") ? path : "";
}

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "belle-test-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};
std::string temporary_folder() {
  static TemporaryFolder root;
  static int next = 0;
  const std::string path = root.path + "/" + std::to_string(next++);
  std::filesystem::create_directory(path);
  return path;
}

}  // namespace belle::test

int main(int argc, char** argv) {
  using namespace belle::test;
  int passed = 0, failed = 0, skipped = 0;
  for (const auto& test : cases()) {
    if (argc > 1 && test.name.find(argv[1]) == std::string::npos) continue;
    failures_in_case = 0;
    skipped_because.clear();
    test.body();
    if (failures_in_case > 0) {
      ++failed;
      std::cout << "FAIL " << test.name << "\n";
    } else if (!skipped_because.empty()) {
      ++skipped;
      std::cout << "skip " << test.name << ": " << skipped_because << "\n";
    } else {
      ++passed;
    }
  }
  std::cout << passed << " passed, " << failed << " failed";
  if (skipped) std::cout << ", " << skipped << " skipped";
  std::cout << std::endl;
  return failed ? 1 : 0;
}
