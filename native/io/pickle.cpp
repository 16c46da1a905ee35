#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <unordered_map>

#include "core/error.h"

namespace hqq {
namespace {

/// Room for about 200,000 tensors; a value takes 56 bytes.
constexpr size_t kMaxValues = 4'000'000;
constexpr size_t kMaxBytes = 100'000'000;
constexpr size_t kMaxMarks = 1000;
constexpr size_t kMaxGlobalBytes = 200;

constexpr std::array<std::string_view, 4> kCallable = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                                       "torch._utils._rebuild_parameter", "torch.Size"};
constexpr std::array<std::string_view, 26> kNamed = {
    "torch.ByteStorage",   "torch.CharStorage",  "torch.ShortStorage", "torch.IntStorage",      "torch.LongStorage",
    "torch.HalfStorage",   "torch.FloatStorage", "torch.DoubleStorage", "torch.BFloat16Storage", "torch.BoolStorage",
    "torch.uint8",         "torch.int8",         "torch.int16",        "torch.int32",           "torch.int64",
    "torch.float16",       "torch.bfloat16",     "torch.float32",      "torch.float64",         "torch.bool",
    "torch.half",          "torch.float",        "torch.double",       "torch.int",             "torch.long",
    "torch.short"};

/// Names of instructions that some pickle has and this reader refuses (Python's pickletools).
constexpr std::array<std::pair<uint8_t, const char*>, 20> kRefused = {{{'i', "INST"},
                                                                       {'o', "OBJ"},
                                                                       {0x81, "NEWOBJ"},
                                                                       {0x92, "NEWOBJ_EX"},
                                                                       {'P', "PERSID"},
                                                                       {0x82, "EXT1"},
                                                                       {0x83, "EXT2"},
                                                                       {0x84, "EXT4"},
                                                                       {'I', "INT"},
                                                                       {'L', "LONG"},
                                                                       {'S', "STRING"},
                                                                       {'T', "BINSTRING"},
                                                                       {'V', "UNICODE"},
                                                                       {'F', "FLOAT"},
                                                                       {'2', "DUP"},
                                                                       {'0', "POP"},
                                                                       {'1', "POP_MARK"},
                                                                       {0x8f, "EMPTY_SET"},
                                                                       {0x8b, "LONG4"},
                                                                       {0x97, "NEXT_BUFFER"}}};

/// A name out of a hostile file, fit for a message.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 100)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out;
}

}  // namespace

class PickleReader {
 public:
  PickleReader(Pickle& out, std::span<const std::byte> bytes, std::string where)
      : out_(out), bytes_(bytes), where_(std::move(where)) {}

  void read() {
    if (bytes_.size() > kMaxBytes) fail("is larger than " + std::to_string(kMaxBytes) + " bytes");
    for (;;) {
      const uint8_t code = byte();
      if (code == '.') break;
      run(code);
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("does not end with one value");
    out_.root_ = stack_.back();
  }

 private:
  using Ref = Pickle::Ref;
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  [[noreturn]] void fail(const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, where_ + " " + rule + " (byte " + std::to_string(at_) + ")");
  }

  uint8_t byte() {
    if (at_ >= bytes_.size()) fail("ends in the middle; the file is truncated");
    return static_cast<uint8_t>(bytes_[at_++]);
  }
  uint64_t number(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{byte()} << (8 * i);
    return value;
  }
  std::string_view text(uint64_t length) {
    if (length > bytes_.size() - at_) fail("holds a text that does not end; the file is truncated");
    const std::string_view out(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    at_ += length;
    return out;
  }
  std::string_view line() {
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    const std::string_view rest(begin, std::min(bytes_.size() - at_, kMaxGlobalBytes));
    const size_t length = rest.find('\n');
    if (length == std::string_view::npos) fail("holds a name that does not end");
    at_ += length + 1;
    return rest.substr(0, length);
  }

  Ref push(Value value) {
    if (out_.values_.size() >= kMaxValues) fail("holds more than " + std::to_string(kMaxValues) + " values");
    out_.values_.push_back(value);
    stack_.push_back(static_cast<Ref>(out_.values_.size() - 1));
    return stack_.back();
  }
  void push_list(Kind kind, std::vector<Ref> items) {
    out_.lists_.push_back(std::move(items));
    push({.kind = kind, .items = static_cast<uint32_t>(out_.lists_.size() - 1)});
  }
  void push_integer(int64_t value) { push({.kind = Kind::integer, .integer = value}); }

  /// Values below the last mark belong to whoever set it.
  Ref pop() {
    if (stack_.size() <= floor()) fail("takes a value where there is none");
    const Ref ref = stack_.back();
    stack_.pop_back();
    return ref;
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<Ref> pop_to_mark() {
    if (marks_.empty()) fail("goes back to a mark that was not set");
    std::vector<Ref> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  Value& top(Kind kind, const char* what) {
    if (stack_.size() <= floor() || out_.values_[stack_.back()].kind != kind) fail(std::string("changes something that is no ") + what);
    return out_.values_[stack_.back()];
  }
  std::vector<Ref>& items_of(const Value& value) { return out_.lists_[value.items]; }
  const Value& at(Ref ref) const { return out_.values_[ref]; }

  void remember(uint64_t index) {
    if (stack_.size() <= floor()) fail("remembers a value where there is none");
    memo_[index] = stack_.back();
  }
  void recall(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("recalls value " + std::to_string(index) + ", which it did not remember");
    stack_.push_back(found->second);
  }

  void push_tuple(size_t count) {
    std::vector<Ref> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    push_list(Kind::tuple, std::move(items));
  }

  void append(std::vector<Ref> added, Kind kind, const char* what) {
    if (kind == Kind::dict && added.size() % 2 != 0) fail("gives a key without a value");
    std::vector<Ref>& items = items_of(top(kind, what));
    items.insert(items.end(), added.begin(), added.end());
  }

  void push_long(uint64_t length) {
    if (length > 8) fail("holds an integer of more than 64 bits");
    uint64_t value = 0;
    for (uint64_t i = 0; i < length; ++i) value |= uint64_t{byte()} << (8 * i);
    if (length > 0 && length < 8 && (value >> (8 * length - 1)) != 0) value |= ~uint64_t{0} << (8 * length);
    push_integer(static_cast<int64_t>(value));
  }

  void push_real() {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = (bits << 8) | byte();
    push({.kind = Kind::real, .real = std::bit_cast<double>(bits)});
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string full = std::string(module) + "." + std::string(name);
    const auto known = [&](const auto& names) { return std::find(names.begin(), names.end(), full) != names.end(); };
    if (!known(kCallable) && !known(kNamed))
      fail("asks for \"" + shown(full) + "\", which no file of weights needs; nothing of it was run");
    push({.kind = Kind::global, .text = out_.names_.emplace_back(full)});
  }

  /// The few calls that weights are made of, all of them constructors of values.
  void reduce() {
    const Ref arguments = pop(), callee = pop();
    if (at(callee).kind != Kind::global || at(arguments).kind != Kind::tuple) fail("calls something that is no name");
    const std::string_view name = at(callee).text;
    const std::vector<Ref>& given = items_of(at(arguments));
    const auto is = [&](size_t index, Kind kind) { return index < given.size() && at(given[index]).kind == kind; };
    if (name == kCallable[0]) {
      if (!given.empty()) fail("fills an OrderedDict in a way that PyTorch does not");
      push_list(Kind::dict, {});
    } else if (name == kCallable[1]) {
      const bool fits = given.size() >= 6 && given.size() <= 7 && is(0, Kind::storage) && is(1, Kind::integer) && is(2, Kind::tuple) && is(3, Kind::tuple);
      if (!fits) fail("makes a tensor of something else than a storage, an offset, a shape and strides");
      push_list(Kind::tensor, given);
    } else if (name == kCallable[2]) {
      if (given.size() != 3 || !is(0, Kind::tensor)) fail("makes a parameter of something that is no tensor");
      stack_.push_back(given[0]);
    } else if (name == kCallable[3]) {
      if (given.size() != 1 || !is(0, Kind::tuple)) fail("makes a torch.Size of something that is no tuple");
      stack_.push_back(given[0]);
    } else {
      fail("calls \"" + shown(name) + "\", which is no constructor");
    }
  }

  /// Attributes of a dict (`_metadata` of a state dict) say nothing about weights.
  void build() {
    const Ref state = pop();
    if (at(state).kind != Kind::dict) fail("sets attributes in a way that PyTorch does not");
    top(Kind::dict, "dict");
  }

  void push_storage() {
    const Ref id = pop();
    if (at(id).kind != Kind::tuple) fail("names a storage in a way that PyTorch does not");
    const std::vector<Ref> parts = items_of(at(id));
    const bool fits = parts.size() == 5 && at(parts[0]).kind == Kind::text && at(parts[0]).text == "storage" &&
                      at(parts[1]).kind == Kind::global && at(parts[2]).kind == Kind::text && at(parts[3]).kind == Kind::text &&
                      at(parts[4]).kind == Kind::integer;
    if (!fits) fail("names a storage in a way that PyTorch does not");
    push_list(Kind::storage, {parts.begin() + 1, parts.end()});
  }

  void push_stack_global() {
    const Ref name = pop(), module = pop();
    if (at(name).kind != Kind::text || at(module).kind != Kind::text) fail("asks for something that is no name");
    push_global(at(module).text.substr(0, kMaxGlobalBytes), at(name).text.substr(0, kMaxGlobalBytes));
  }

  void set_mark() {
    if (marks_.size() >= kMaxMarks) fail("is nested deeper than " + std::to_string(kMaxMarks) + " levels");
    marks_.push_back(stack_.size());
  }

  void check_protocol() {
    const uint8_t version = byte();
    if (version < 2 || version > 5) fail("is of protocol " + std::to_string(version) + ", known are 2 to 5");
  }

  void run(uint8_t code) {
    switch (code) {
      case 0x80: return check_protocol();                                        // PROTO
      case 0x95: return (void)number(8);                                         // FRAME
      case '(': return set_mark();                                               // MARK
      case 'N': return (void)push({});                                           // NONE
      case 0x88: return (void)push({.kind = Kind::boolean, .integer = 1});       // NEWTRUE
      case 0x89: return (void)push({.kind = Kind::boolean, .integer = 0});       // NEWFALSE
      case 'K': return push_integer(static_cast<int64_t>(number(1)));            // BININT1
      case 'M': return push_integer(static_cast<int64_t>(number(2)));            // BININT2
      case 'J': return push_integer(static_cast<int32_t>(number(4)));            // BININT
      case 0x8a: return push_long(number(1));                                    // LONG1
      case 'G': return push_real();                                              // BINFLOAT
      case 'X': return push_text(number(4));                                     // BINUNICODE
      case 0x8c: return push_text(number(1));                                    // SHORT_BINUNICODE
      case ')': return push_list(Kind::tuple, {});                               // EMPTY_TUPLE
      case 't': return push_list(Kind::tuple, pop_to_mark());                    // TUPLE
      case 0x85: return push_tuple(1);                                           // TUPLE1
      case 0x86: return push_tuple(2);                                           // TUPLE2
      case 0x87: return push_tuple(3);                                           // TUPLE3
      case ']': return push_list(Kind::list, {});                                // EMPTY_LIST
      case '}': return push_list(Kind::dict, {});                                // EMPTY_DICT
      case 'a': return append_one();                                             // APPEND
      case 'e': return append(pop_to_mark(), Kind::list, "list");                // APPENDS
      case 's': return set_item();                                               // SETITEM
      case 'u': return append(pop_to_mark(), Kind::dict, "dict");                // SETITEMS
      case 'q': return remember(number(1));                                      // BINPUT
      case 'r': return remember(number(4));                                      // LONG_BINPUT
      case 0x94: return remember(memo_.size());                                  // MEMOIZE
      case 'h': return recall(number(1));                                        // BINGET
      case 'j': return recall(number(4));                                        // LONG_BINGET
      case 'c': return push_named_global();                                      // GLOBAL
      case 0x93: return push_stack_global();                                     // STACK_GLOBAL
      case 'R': return reduce();                                                 // REDUCE
      case 'b': return build();                                                  // BUILD
      case 'Q': return push_storage();                                           // BINPERSID
      default: refuse(code);
    }
  }

  void push_text(uint64_t length) {
    const std::string_view value = text(length);
    push({.kind = Kind::text, .text = value});
  }
  void append_one() {
    const Ref value = pop();
    append({value}, Kind::list, "list");
  }
  void set_item() {
    const Ref value = pop(), key = pop();
    append({key, value}, Kind::dict, "dict");
  }
  void push_named_global() {
    const std::string_view module = line(), name = line();
    push_global(module, name);
  }

  [[noreturn]] void refuse(uint8_t code) const {
    const auto found = std::find_if(kRefused.begin(), kRefused.end(), [&](const auto& known) { return known.first == code; });
    char hex[8];
    std::snprintf(hex, sizeof hex, "0x%02x", code);
    fail(std::string("uses the instruction ") + (found != kRefused.end() ? found->second : hex) + ", which no file of weights needs; nothing of it was run");
  }

  Pickle& out_;
  std::span<const std::byte> bytes_;
  std::string where_;
  size_t at_ = 0;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Ref> memo_;
};

Pickle::Pickle(std::span<const std::byte> bytes, std::string where) { PickleReader(*this, bytes, std::move(where)).read(); }

const Pickle::Value* Pickle::find(const Value& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  const std::span<const Ref> pairs = items(dict);
  for (size_t i = pairs.size(); i >= 2; i -= 2) {
    const Value& name = values_[pairs[i - 2]];
    if (name.kind == Kind::text && name.text == key) return &values_[pairs[i - 1]];
  }
  return nullptr;
}

}  // namespace hqq
