// Reading config.json field by field: every value is checked, every message names the field.
#pragma once

#include <string>
#include <string_view>

#include "model/config.h"
#include "model/family.h"

namespace hqq {

// Far above any real model, low enough that products of two fit in 64 bits with room to spare.
constexpr int64_t kMaxHidden = int64_t{1} << 17;
constexpr int64_t kMaxIntermediate = int64_t{1} << 20;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxVocab = int64_t{1} << 22;
constexpr int64_t kMaxPosition = int64_t{1} << 26;

[[noreturn]] void bad_config(const std::string& what);          // {bad_file}
[[noreturn]] void unsupported_config(const std::string& what);  // {unsupported}

/// An integer from 1 to `cap`; a missing one is `fallback`, or an error when that is 0.
int64_t size_field(const Json& json, std::string_view key, int64_t cap, int64_t fallback = 0);
/// The same from 0.
int64_t count_field(const Json& json, std::string_view key, int64_t cap, int64_t fallback);
double number_field(const Json& json, std::string_view key, double fallback);
double positive_field(const Json& json, std::string_view key, double fallback);
/// A positive number; null is 0 (off), a missing one `fallback`.
double cap_field(const Json& json, std::string_view key, double fallback);
/// Whether the field is there and says "none", which is not the same as leaving it out.
bool is_null_field(const Json& json, std::string_view key);
bool flag_field(const Json& json, std::string_view key, bool fallback);
/// Empty when missing.
std::string text_field(const Json& json, std::string_view key);

/// By the name that transformers gives it; `key` names the field in the error. Throws EngineError{unsupported}.
Activation activation_named(const std::string& name, std::string_view key);

/// Both layouts: `rope_theta` + `rope_scaling` {type|rope_type, ...} (transformers 4), `rope_parameters` (5).
RopeConfig parse_rope(const Json& json, const Family& family, int64_t head_dim, int64_t max_position);
/// The rotation of windowed layers: never scaled.
RopeConfig parse_local_rope(const Json& json, const Family& family, int64_t head_dim, int64_t max_position);

}  // namespace hqq
