// A test harness of one page: register with TEST(name), assert with CHECK*, skip loudly with SKIP(reason).
// Every executable prints `N passed, N failed, N skipped` last and exits non-zero on a failure or when nothing ran.
#pragma once

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace hqq::test {

struct Failure : std::runtime_error { using std::runtime_error::runtime_error; };
struct Skipped : std::runtime_error { using std::runtime_error::runtime_error; };

struct Registration { Registration(const char* name, std::function<void()> body); };

template <typename... Parts>
std::string describe(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Runs the registered cases whose name contains `filter`; returns the process exit status.
int run_all(const char* filter);

/// Folder of the shared golden data (HQQ_SHARED, else ../shared beside the repository); throws Skipped when absent.
std::string shared_data(const std::string& relative);

}  // namespace hqq::test

#define HQQ_JOIN2(a, b) a##b
#define HQQ_JOIN(a, b) HQQ_JOIN2(a, b)
#define TEST(name)                                                                                     \
  static void HQQ_JOIN(test_body_, __LINE__)();                                                        \
  static const ::hqq::test::Registration HQQ_JOIN(test_reg_, __LINE__){name, HQQ_JOIN(test_body_, __LINE__)}; \
  static void HQQ_JOIN(test_body_, __LINE__)()

#define FAIL(...) throw ::hqq::test::Failure(::hqq::test::describe(__FILE__, ":", __LINE__, ": ", __VA_ARGS__))
#define SKIP(...) throw ::hqq::test::Skipped(::hqq::test::describe(__VA_ARGS__))
#define CHECK(cond, ...)                                                             \
  do {                                                                               \
    if (!(cond)) FAIL("CHECK(" #cond ") is false " __VA_OPT__(, ) __VA_ARGS__);      \
  } while (0)
#define CHECK_EQ(a, b)                                                               \
  do {                                                                               \
    /* By value: a reference into a temporary would dangle. */                        \
    const auto va_ = (a);                                                            \
    const auto vb_ = (b);                                                            \
    if (!(va_ == vb_)) FAIL(#a " == " #b ": ", va_, " != ", vb_);                    \
  } while (0)
#define CHECK_NEAR(a, b, tolerance)                                                  \
  do {                                                                               \
    const double va_ = (a), vb_ = (b), vt_ = (tolerance);                            \
    const double vd_ = va_ > vb_ ? va_ - vb_ : vb_ - va_;                            \
    if (!(vd_ <= vt_)) FAIL(#a " near " #b ": ", va_, " vs ", vb_, ", off by ", vd_, " > ", vt_); \
  } while (0)
/// Passes when `expression` throws EngineError with ErrorCode::code.
#define CHECK_THROWS_CODE(expression, expected)                                      \
  do {                                                                               \
    bool threw_ = false;                                                             \
    try { (void)(expression); } catch (const ::hqq::EngineError& e_) {               \
      threw_ = true;                                                                 \
      if (e_.code() != ::hqq::ErrorCode::expected)                                   \
        FAIL(#expression " threw ", ::hqq::to_string(e_.code()), " (", e_.what(), "), expected " #expected); \
    }                                                                                \
    if (!threw_) FAIL(#expression " did not throw");                                 \
  } while (0)
