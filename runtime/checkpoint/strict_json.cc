#include "runtime/checkpoint/strict_json.h"

#include <limits>
#include <set>
#include <vector>

namespace tatami {

using nlohmann::json;

std::optional<json> ParseJsonObject(absl::string_view text) {
  std::vector<std::set<std::string>> open;  // keys of the objects around the cursor
  bool duplicate = false;
  const json::parser_callback_t watch = [&](int, json::parse_event_t event,
                                            json& parsed) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      duplicate |= !open.back().insert(parsed.get<std::string>()).second;
    }
    return true;
  };
  json object =
      json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (duplicate || !object.is_object()) return std::nullopt;
  return object;
}

std::optional<int64_t> AsCount(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const uint64_t count = value.get<uint64_t>();
  if (count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  return static_cast<int64_t>(count);
}

std::optional<int64_t> JsonCount(const json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? std::nullopt : AsCount(*it);
}

std::optional<uint64_t> JsonUnsigned(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<uint64_t>();
}

std::optional<std::string> JsonString(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return std::nullopt;
  return it->get<std::string>();
}

}  // namespace tatami
