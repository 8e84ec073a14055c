#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "test/native/check.h"

namespace belle::test {

static int failures_in_case = 0;
static std::string skipped_because;
static const Case* running = nullptr;

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
std::vector<Child>& children() {
  static std::vector<Child> all;
  return all;
}
void fail(const char* file, int line, const std::string& what) {
  if (++failures_in_case <= 20) std::cout << "    " << file << ":" << line << ": " << what << std::endl;
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

// Of a signal that ends the program: which test it was.
static void name_test(int signal) {
  const auto say = [](const char* text) { return ::write(STDOUT_FILENO, text, std::strlen(text)); };
  if (say("FAIL ") < 0 || say(running ? running->name.c_str() : "outside the tests") < 0 ||
      say(": the program was ended by a signal\n") < 0)
    _exit(128 + signal);
  raise(signal);
}

static void name_test_on_crash() {
  struct sigaction action = {};
  action.sa_handler = name_test;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(signal, &action, nullptr);
}

}  // namespace belle::test

int main(int argc, char** argv) {
  using namespace belle::test;
  if (argc > 2 && std::strcmp(argv[1], "--child") == 0) {
    for (const Child& child : children())
      if (child.name == argv[2]) return child.body({argv + 3, argv + argc});
    return 127;
  }
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const auto& test : cases()) std::cout << test.name << "\n";
    return 0;
  }
  name_test_on_crash();
  int passed = 0, failed = 0, skipped = 0;
  for (const auto& test : cases()) {
    if (argc > 1 && test.name.find(argv[1]) == std::string::npos) continue;
    failures_in_case = 0;
    skipped_because.clear();
    running = &test;
    test.body();
    running = nullptr;
    if (failures_in_case > 0) {
      ++failed;
      std::cout << "FAIL " << test.name << "\n";
    } else if (!skipped_because.empty()) {
      ++skipped;
      std::cout << "skip " << test.name << ": " << skipped_because << "\n";
    } else {
      ++passed;
    }
    std::cout << std::flush;  // what was said is not lost when the next case crashes
  }
  std::cout << passed << " passed, " << failed << " failed";
  if (skipped) std::cout << ", " << skipped << " skipped";
  std::cout << std::endl;
  return failed ? 1 : 0;
}
