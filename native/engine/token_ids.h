// Token ids as they come in requests and files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"

namespace hqq {

/// A list of token ids. Throws EngineError{bad_input} naming `where` for anything that is not a whole number in [0,
/// 2^31).
std::vector<int32_t> read_token_ids(const Json& list, const std::string& where);

/// A JSON file that holds one flat array of token ids, read without building a JSON value, so that millions of
/// tokens stay small. At most `max_ids` are read (0: all); the rest of the file is then not looked at. Throws
/// EngineError{not_found|bad_file}.
std::vector<int32_t> read_token_ids_file(const std::string& path, int64_t max_ids);

}  // namespace hqq
