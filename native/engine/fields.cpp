#include "engine/fields.h"

namespace hqq {

Fields::Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  require(object.is_object(), ErrorCode::bad_input, where_ + ": expected an object");
}

void Fields::fail(std::string_view name, const std::string& what) const {
  throw EngineError(ErrorCode::bad_input, where_ + ": field \"" + std::string(name) + "\" " + what);
}

const Json* Fields::optional(std::string_view name) {
  read_.emplace(name);
  return object_.find(name);
}

const Json& Fields::any(std::string_view name) {
  const Json* value = optional(name);
  if (!value) fail(name, "is missing");
  return *value;
}

std::string Fields::text(std::string_view name) {
  const Json& value = any(name);
  if (!value.is_string()) fail(name, "is not a text");
  if (value.as_string().find('\0') != std::string::npos) fail(name, "holds a zero byte");
  return value.as_string();
}

bool Fields::flag(std::string_view name) {
  const Json& value = any(name);
  if (!value.is_bool()) fail(name, "is not true or false");
  return value.as_bool();
}

bool Fields::flag_or(std::string_view name, bool fallback) { return optional(name) ? flag(name) : fallback; }

double Fields::in_range(std::string_view name, const Json& value, double low, double high) const {
  if (!value.is_number()) fail(name, "is not a number");
  const double number = value.as_number();
  if (!(number >= low && number <= high)) {
    fail(name, "is " + value.dump() + ", allowed is " + Json(low).dump() + " to " + Json(high).dump());
  }
  return number;
}

double Fields::number(std::string_view name, double low, double high) { return in_range(name, any(name), low, high); }

double Fields::number_or(std::string_view name, double fallback, double low, double high) {
  return optional(name) ? number(name, low, high) : fallback;
}

int64_t Fields::integer(std::string_view name, int64_t low, int64_t high) {
  const Json& value = any(name);
  const double number = in_range(name, value, static_cast<double>(low), static_cast<double>(high));
  if (number != static_cast<double>(static_cast<int64_t>(number))) fail(name, "is not a whole number");
  return value.as_int();
}

const Json::Array& Fields::list(std::string_view name) {
  const Json& value = any(name);
  if (!value.is_array()) fail(name, "is not a list");
  return value.as_array();
}

void Fields::done() const {
  for (const auto& [name, value] : object_.as_object()) {
    if (!read_.contains(name)) fail(name, "is not known here");
  }
}

}  // namespace hqq
