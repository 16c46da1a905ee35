// Recursive-descent parser and writer of io/json.h. The parser is fed hostile headers, so it never reads past its
// input, recurses to a stated depth only, and names the place of the first thing it does not like.
#include "io/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "io/mapped_file.h"

namespace hqq {
namespace {

/// Largest integer a double holds exactly; what JavaScript calls MAX_SAFE_INTEGER + 1.
constexpr double kExactIntegers = 9007199254740992.0;

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  Json parse_document() {
    if (text_.size() > limits_.max_bytes)
      fail("JSON text is larger than " + std::to_string(limits_.max_bytes) + " bytes");
    Json value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("unexpected text after the JSON value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t newline = before.rfind('\n');
    const size_t column = 1 + (newline == std::string_view::npos ? at_ : at_ - newline - 1);
    throw EngineError(ErrorCode::bad_file,
                      what + " (line " + std::to_string(line) + ", column " + std::to_string(column) + ")");
  }

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }

  void skip_space() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  void expect_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) fail("unexpected character in JSON");
    at_ += word.size();
  }

  Json parse_value(int depth) {
    if (++values_ > limits_.max_values) fail("JSON holds more than " + std::to_string(limits_.max_values) + " values");
    skip_space();
    if (done()) fail("JSON ends too early");
    switch (peek()) {
      case '{': return parse_object(depth + 1);
      case '[': return parse_array(depth + 1);
      case '"': return Json(parse_string());
      case 't': expect_word("true"); return Json(true);
      case 'f': expect_word("false"); return Json(false);
      case 'n': expect_word("null"); return Json(nullptr);
      default: return parse_number();
    }
  }

  Json parse_object(int depth) {
    if (depth > limits_.max_depth) fail("JSON is nested too deeply");
    ++at_;  // '{'
    Json::Object members;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return Json(std::move(members));
    }
    while (true) {
      skip_space();
      if (peek() != '"') fail("expected a quoted key");
      if (members.size() == limits_.max_members) fail("JSON object has too many members");
      std::string key = parse_string();
      skip_space();
      if (peek() != ':') fail("expected ':' after a key");
      ++at_;
      Json value = parse_value(depth);
      members.emplace_back(std::move(key), std::move(value));
      skip_space();
      const char c = peek();
      if (c != ',' && c != '}') fail("expected ',' or '}'");
      ++at_;
      if (c == '}') break;
    }
    refuse_duplicates(members);
    return Json(std::move(members));
  }

  void refuse_duplicates(const Json::Object& members) const {
    if (members.size() < 2) return;
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& [key, value] : members) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) fail("key \"" + std::string(twice->substr(0, 200)) + "\" occurs twice");
  }

  Json parse_array(int depth) {
    if (depth > limits_.max_depth) fail("JSON is nested too deeply");
    ++at_;  // '['
    Json::Array items;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return Json(std::move(items));
    }
    while (true) {
      if (items.size() == limits_.max_items) fail("JSON list has too many items");
      items.push_back(parse_value(depth));
      skip_space();
      const char c = peek();
      if (c != ',' && c != ']') fail("expected ',' or ']'");
      ++at_;
      if (c == ']') return Json(std::move(items));
    }
  }

  Json parse_number() {
    const size_t start = at_;
    bool integral = true;
    if (peek() == '-') ++at_;
    const size_t digits = at_;
    skip_digits();
    if (at_ == digits) {
      at_ = start;
      fail("unexpected character in JSON");
    }
    if (text_[digits] == '0' && at_ > digits + 1) fail("a number must not start with 0");
    if (peek() == '.') {
      integral = false;
      ++at_;
      require_digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integral = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      require_digits();
    }
    const char* first = text_.data() + start;
    const char* last = text_.data() + at_;
    if (integral) {
      int64_t value = 0;
      // No integer is -0: it is read as the floating-point number, so that it is written back as it came.
      const bool fits = std::from_chars(first, last, value).ec == std::errc();
      if (fits && (value != 0 || *first != '-')) return Json(value);
    }
    double value = 0;
    if (std::from_chars(first, last, value).ec != std::errc()) fail("number out of range");
    return Json(value);
  }

  void skip_digits() {
    while (peek() >= '0' && peek() <= '9') ++at_;
  }
  void require_digits() {
    const size_t start = at_;
    skip_digits();
    if (at_ == start) fail("expected a digit");
  }

  std::string parse_string() {
    ++at_;  // '"'
    std::string out;
    while (true) {
      if (done()) fail("unterminated string");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return out;
      }
      if (c == '\\') {
        parse_escape(out);
      } else if (c < 0x20) {
        fail("control character in a string");
      } else if (c < 0x80) {
        out.push_back(static_cast<char>(c));
        ++at_;
      } else {
        copy_utf8(out);
      }
    }
  }

  void parse_escape(std::string& out) {
    ++at_;  // '\'
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/': out.push_back(c); return;
      case 'b': out.push_back('\b'); return;
      case 'f': out.push_back('\f'); return;
      case 'n': out.push_back('\n'); return;
      case 'r': out.push_back('\r'); return;
      case 't': out.push_back('\t'); return;
      case 'u': append_utf8(out, parse_unicode_escape()); return;
      default: --at_; fail("unknown escape in a string");
    }
  }

  uint32_t parse_hex4() {
    uint32_t value = 0;
    if (text_.size() - at_ < 4) fail("unterminated \\u escape");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, value, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4) fail("bad \\u escape");
    at_ += 4;
    return value;
  }

  uint32_t parse_unicode_escape() {
    const uint32_t high = parse_hex4();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || text_.substr(at_, 2) != "\\u") fail("unpaired surrogate in a string");
    at_ += 2;
    const uint32_t low = parse_hex4();
    if (low < 0xDC00 || low > 0xDFFF) fail("unpaired surrogate in a string");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  static void append_utf8(std::string& out, uint32_t point) {
    const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3F))); };
    if (point < 0x80) {
      out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
      out.push_back(static_cast<char>(0xC0 | (point >> 6)));
      tail(0);
    } else if (point < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | (point >> 12)));
      tail(6);
      tail(0);
    } else {
      out.push_back(static_cast<char>(0xF0 | (point >> 18)));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  /// Copies one multi-byte character; refuses overlong forms, surrogates and points above U+10FFFF.
  void copy_utf8(std::string& out) {
    const auto byte = [&](size_t i) {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0u;
    };
    const uint32_t lead = byte(0);
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    uint32_t point = lead & (length == 4 ? 0x07u : length == 3 ? 0x0Fu : 0x1Fu);
    bool good = lead >= 0xC2 && lead <= 0xF4;
    for (size_t i = 1; i < length; ++i) {
      good = good && (byte(i) & 0xC0) == 0x80;
      point = (point << 6) | (byte(i) & 0x3F);
    }
    good = good && !(length == 3 && (point < 0x800 || (point >= 0xD800 && point <= 0xDFFF)));
    good = good && !(length == 4 && (point < 0x10000 || point > 0x10FFFF));
    if (!good) fail("invalid UTF-8 in a string");
    out.append(text_.substr(at_, length));
    at_ += length;
  }

  std::string_view text_;
  const JsonLimits& limits_;
  size_t at_ = 0;
  size_t values_ = 0;
};

void write_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out.push_back(hex[static_cast<unsigned char>(c) >> 4]);
          out.push_back(hex[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

template <typename Number>
void write_number(std::string& out, Number value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

/// Line break and indentation of one level; nothing when compact.
void write_break(std::string& out, int indent, int level) {
  if (indent < 0) return;
  out.push_back('\n');
  out.append(static_cast<size_t>(indent) * static_cast<size_t>(level), ' ');
}

void write_value(std::string& out, const Json& value, int indent, int level) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_int()) {
    write_number(out, value.as_int());
  } else if (value.is_number()) {
    const double number = value.as_number();
    if (std::isfinite(number)) write_number(out, number);
    else out += "null";
  } else if (value.is_string()) {
    write_string(out, value.as_string());
  } else if (value.is_array()) {
    const auto& items = value.as_array();
    out.push_back('[');
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.push_back(',');
      write_break(out, indent, level + 1);
      write_value(out, items[i], indent, level + 1);
    }
    if (!items.empty()) write_break(out, indent, level);
    out.push_back(']');
  } else {
    const auto& members = value.as_object();
    out.push_back('{');
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out.push_back(',');
      write_break(out, indent, level + 1);
      write_string(out, members[i].first);
      out += indent < 0 ? ":" : ": ";
      write_value(out, members[i].second, indent, level + 1);
    }
    if (!members.empty()) write_break(out, indent, level);
    out.push_back('}');
  }
}

template <typename T, typename Variant>
const T& get_as(const Variant& value, const char* expected) {
  const T* held = std::get_if<T>(&value);
  if (!held) throw EngineError(ErrorCode::bad_input, std::string("expected ") + expected);
  return *held;
}

}  // namespace

bool Json::as_bool() const { return get_as<bool>(value_, "true or false"); }
const std::string& Json::as_string() const { return get_as<std::string>(value_, "a string"); }
const Json::Array& Json::as_array() const { return get_as<Array>(value_, "a list"); }
const Json::Object& Json::as_object() const { return get_as<Object>(value_, "an object"); }

int64_t Json::as_int() const {
  if (const double* number = std::get_if<double>(&value_)) {
    if (*number == std::trunc(*number) && std::abs(*number) <= kExactIntegers) return static_cast<int64_t>(*number);
  }
  return get_as<int64_t>(value_, "an integer");
}

double Json::as_number() const {
  if (const int64_t* integer = std::get_if<int64_t>(&value_)) return static_cast<double>(*integer);
  return get_as<double>(value_, "a number");
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : as_object()) {
    if (name == key) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  const Json* found = find(key);
  if (!found) throw EngineError(ErrorCode::bad_input, "missing field " + std::string(key));
  return *found;
}

bool Json::get(std::string_view key, bool fallback) const {
  const Json* found = find(key);
  return found ? found->as_bool() : fallback;
}
int64_t Json::get(std::string_view key, int64_t fallback) const {
  const Json* found = find(key);
  return found ? found->as_int() : fallback;
}
double Json::get(std::string_view key, double fallback) const {
  const Json* found = find(key);
  return found ? found->as_number() : fallback;
}
std::string Json::get(std::string_view key, const char* fallback) const {
  const Json* found = find(key);
  return found ? found->as_string() : fallback;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object();
  auto* members = std::get_if<Object>(&value_);
  require(members != nullptr, ErrorCode::internal, "Json::set on a value that is not an object");
  for (auto& [name, old] : *members) {
    if (name == key) {
      old = std::move(value);
      return *this;
    }
  }
  members->emplace_back(std::move(key), std::move(value));
  return *this;
}

void Json::push(Json value) {
  if (is_null()) value_ = Array();
  auto* items = std::get_if<Array>(&value_);
  require(items != nullptr, ErrorCode::internal, "Json::push on a value that is not a list");
  items->push_back(std::move(value));
}

std::string Json::dump(int indent) const {
  std::string out;
  write_value(out, *this, indent, 0);
  return out;
}

Json parse_json(std::string_view text, const JsonLimits& limits) { return Parser(text, limits).parse_document(); }

Json read_json_file(const std::string& path, const JsonLimits& limits) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  try {
    return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, limits);
  } catch (const EngineError& error) {
    throw EngineError(error.code(), path + ": " + error.what());
  }
}

}  // namespace hqq
