// JSON values, a bounded parser and a writer. Our own because the parser reads hostile safetensors headers (caps on
// size and depth, duplicate keys refused) and because the engine must build with nothing but a C++ compiler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"

namespace hqq {

class Json {
 public:
  using Array = std::vector<Json>;
  /// Insertion-ordered, so that what we write reads in the order we built it.
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() : value_(nullptr) {}
  Json(std::nullptr_t) : value_(nullptr) {}
  Json(bool v) : value_(v) {}
  Json(int v) : value_(int64_t{v}) {}
  /// A pointer would silently become `true`.
  template <typename T>
  Json(T*) = delete;
  Json(int64_t v) : value_(v) {}
  Json(double v) : value_(v) {}
  Json(const char* v) : value_(std::string(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Checked access: EngineError{bad_input} names the expected type. Integral doubles are accepted as integers.
  bool as_bool() const;
  int64_t as_int() const;
  double as_number() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  /// Member of an object or nullptr (also for null members, so that optional and null read alike).
  const Json* find(std::string_view key) const;
  /// Member of an object; EngineError{bad_input} "missing field KEY" when absent.
  const Json& at(std::string_view key) const;
  // Optional members with a fallback.
  bool get(std::string_view key, bool fallback) const;
  int64_t get(std::string_view key, int64_t fallback) const;
  double get(std::string_view key, double fallback) const;
  std::string get(std::string_view key, const char* fallback) const;

  /// Appends or replaces a member; turns null into an object.
  Json& set(std::string key, Json value);
  /// Appends an element; turns null into an array.
  void push(Json value);

  /// Compact when indent < 0. Non-finite numbers are written as null. Doubles round-trip.
  std::string dump(int indent = -1) const;

 private:
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value_;
};

/// The item caps keep each vector below 64 MiB (core/arena.h says why) whatever the text holds.
struct JsonLimits {
  size_t max_bytes = size_t{256} << 20;
  int max_depth = 64;
  size_t max_items = size_t{1} << 20;    // of one list
  size_t max_members = size_t{1} << 19;  // of one object
  size_t max_values = 8'000'000;         // in all
};

/// Throws EngineError{bad_file} with line and column on malformed input, a duplicate key, invalid UTF-8 or an exceeded
/// limit.
Json parse_json(std::string_view text, const JsonLimits& limits = {});
/// Reads and parses a file; errors name it.
Json read_json_file(const std::string& path, const JsonLimits& limits = {});

}  // namespace hqq
