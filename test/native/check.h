#pragma once
// A minimal test kit for native rooms: TEST("name") { CHECK(x); CHECK_EQ(a, b); CHECK_NEAR(a, b, tol);
// CHECK_OK(status); } Filter by a substring of the name as the first argument. Prints "N passed, N failed"
// last.
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace belle::test {

struct Case {
  std::string name;
  std::function<void()> body;
};
std::vector<Case>& cases();
// What a test has another process do: this program, started with --child <name> <arguments>. Its result is
// the exit status.
struct Child {
  std::string name;
  std::function<int(const std::vector<std::string>&)> body;
};
std::vector<Child>& children();
void fail(const char* file, int line, const std::string& what);
void skip(const std::string& why);  // marks the running case as skipped
// The shared reference material (goldens, data): BELLE_SHARED or ../shared; empty when absent.
std::string shared_folder();
// A fresh temporary folder, removed when the process ends.
std::string temporary_folder();

struct Register {
  Register(std::string name, std::function<void()> body) {
    cases().push_back({std::move(name), std::move(body)});
  }
};
struct RegisterChild {
  RegisterChild(std::string name, std::function<int(const std::vector<std::string>&)> body) {
    children().push_back({std::move(name), std::move(body)});
  }
};
template <class T>
std::string show(const T& value) {
  std::ostringstream out;
  if constexpr (requires { out << value; })
    out << value;
  else
    out << "(value)";
  return out.str();
}

template <class A, class B>
void check_equal(const A& a, const B& b, const char* file, int line, const char* what) {
  if (!(a == b)) fail(file, line, std::string(what) + ": " + show(a) + " != " + show(b));
}

}  // namespace belle::test

#define BELLE_TEST_CAT2(a, b) a##b
#define BELLE_TEST_CAT(a, b) BELLE_TEST_CAT2(a, b)
#define BELLE_TEST_CASE(name, number)                                           \
  static void BELLE_TEST_CAT(belle_case_, number)();                            \
  static const ::belle::test::Register BELLE_TEST_CAT(belle_register_, number)( \
      name, BELLE_TEST_CAT(belle_case_, number));                               \
  static void BELLE_TEST_CAT(belle_case_, number)()
#define TEST(name) BELLE_TEST_CASE(name, __COUNTER__)
#define CHECK(condition)                                                                \
  do {                                                                                  \
    if (!(condition)) ::belle::test::fail(__FILE__, __LINE__, "CHECK(" #condition ")"); \
  } while (0)
// Through a function, so that temporaries live until the comparison is done.
#define CHECK_EQ(a, b) ::belle::test::check_equal((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_NEAR(a, b, tolerance)                                                                 \
  do {                                                                                              \
    const double belle_a = (a), belle_b = (b);                                                      \
    if (!(std::fabs(belle_a - belle_b) <= (tolerance)))                                             \
      ::belle::test::fail(                                                                          \
          __FILE__, __LINE__,                                                                       \
          #a " ~ " #b ": " + ::belle::test::show(belle_a) + " vs " + ::belle::test::show(belle_b)); \
  } while (0)
#define CHECK_OK(expression)                                                                          \
  do {                                                                                                \
    const ::belle::Status belle_s = (expression);                                                     \
    if (!belle_s.ok()) ::belle::test::fail(__FILE__, __LINE__, #expression ": " + belle_s.message()); \
  } while (0)
