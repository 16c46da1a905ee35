// Reads the input object of a method field by field. Every error names the field, and fields nobody asked for are
// refused, so that a misspelled option cannot be ignored silently.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "io/json.h"

namespace hqq {

class Fields {
 public:
  /// `where` is put before field names in errors. Throws EngineError{bad_input} when `object` is not an object.
  Fields(const Json& object, std::string where);

  std::string text(std::string_view name);
  bool flag(std::string_view name);
  bool flag_or(std::string_view name, bool fallback);
  double number(std::string_view name, double low, double high);
  double number_or(std::string_view name, double fallback, double low, double high);
  int64_t integer(std::string_view name, int64_t low, int64_t high);
  const Json::Array& list(std::string_view name);
  const Json& any(std::string_view name);
  /// The member, or nullptr when it is absent or null.
  const Json* optional(std::string_view name);

  /// Refuses members that were not read. Call after the last field.
  void done() const;

 private:
  [[noreturn]] void fail(std::string_view name, const std::string& what) const;
  double in_range(std::string_view name, const Json& value, double low, double high) const;

  const Json& object_;
  std::string where_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace hqq
