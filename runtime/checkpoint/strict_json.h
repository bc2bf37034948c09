// JSON of files that may be damaged: no exceptions, no duplicate keys.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace tatami {

// The parsed object, or nullopt when the text is not one JSON object or names a key
// twice in one object.
std::optional<nlohmann::json> ParseJsonObject(absl::string_view text);

// A field of an object when it is there and of that type.
std::optional<int64_t> JsonCount(const nlohmann::json& object, const char* key);
std::optional<uint64_t> JsonUnsigned(const nlohmann::json& object, const char* key);
std::optional<std::string> JsonString(const nlohmann::json& object, const char* key);

// A non-negative integer that fits int64_t, or nullopt.
std::optional<int64_t> AsCount(const nlohmann::json& value);

}  // namespace tatami
