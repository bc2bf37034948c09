#include "runtime/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/strict_json.h"

namespace tatami {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "the length field and the data are copied as they lie in memory");

constexpr int64_t kLengthBytes = 8;
// The limit of the reference implementation (safetensors MAX_HEADER_SIZE).
constexpr int64_t kHeaderBytesMax = 100'000'000;
constexpr int64_t kAlignment = 8;

constexpr std::pair<DType, const char*> kDTypeNames[] = {
    {DType::kF32, "F32"}, {DType::kBF16, "BF16"}, {DType::kI32, "I32"}};

const char* SafetensorsName(DType dtype) {
  for (const auto& [type, name] : kDTypeNames) {
    if (type == dtype) return name;
  }
  TATAMI_CHECK(false) << "dtype without a safetensors name";
  return "";
}

std::optional<DType> ParseSafetensorsName(absl::string_view wanted) {
  for (const auto& [type, name] : kDTypeNames) {
    if (name == wanted) return type;
  }
  return std::nullopt;
}

absl::Status Corrupt(absl::string_view path, absl::string_view what) {
  return MakeError(ErrorCode::kCheckpointCorrupt,
                   absl::StrCat("'", path, "' is corrupt: ", what));
}

// dims * element size, or nullopt beyond int64_t.
std::optional<int64_t> BytesOf(const TensorType& type) {
  int64_t bytes = ByteSize(type.dtype);
  // A zero anywhere makes zero, whatever the others multiply to.
  if (std::find(type.dims.begin(), type.dims.end(), 0) != type.dims.end()) return 0;
  for (const int64_t dim : type.dims) {
    if (__builtin_mul_overflow(bytes, dim, &bytes)) return std::nullopt;
  }
  return bytes;
}

absl::StatusOr<SafetensorsEntry> ParseEntry(absl::string_view path,
                                            const std::string& name,
                                            const json& value) {
  const auto refuse = [&](absl::string_view what) {
    return Corrupt(path, absl::StrCat("tensor '", name, "': ", what));
  };
  if (!value.is_object()) return refuse("its header entry is not an object.");
  SafetensorsEntry entry{.name = name};
  const auto dtype_name = JsonString(value, "dtype");
  const auto dtype = ParseSafetensorsName(dtype_name.value_or(""));
  if (!dtype) {
    return refuse(absl::StrCat("dtype '", dtype_name.value_or(""),
                               "' is none of F32, BF16, I32."));
  }
  entry.type.dtype = *dtype;
  const auto shape = value.find("shape");
  if (shape == value.end() || !shape->is_array()) return refuse("it has no shape.");
  for (const json& dim : *shape) {
    const auto count = AsCount(dim);
    if (!count) return refuse("its shape has an entry that is not a count.");
    entry.type.dims.push_back(*count);
  }
  const auto offsets = value.find("data_offsets");
  if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2) {
    return refuse("its data_offsets are not two numbers.");
  }
  const auto begin = AsCount((*offsets)[0]), end = AsCount((*offsets)[1]);
  if (!begin || !end || *end < *begin) {
    return refuse("its data_offsets are not an interval.");
  }
  entry.begin = *begin;
  entry.end = *end;
  const auto bytes = BytesOf(entry.type);
  if (!bytes || *bytes != *end - *begin) {
    return refuse(absl::StrCat("its shape needs ",
                               bytes ? absl::StrCat(*bytes) : "more than 2^63",
                               " bytes and data_offsets give ", *end - *begin, "."));
  }
  return entry;
}

absl::StatusOr<std::vector<SafetensorsEntry>> ParseEntries(absl::string_view path,
                                                           absl::string_view text,
                                                           int64_t data_bytes) {
  const auto header = ParseJsonObject(text);
  if (!header) {
    return Corrupt(path, absl::StrCat("its header of ", text.size(),
                                      " bytes is not a JSON object with unique keys."));
  }
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") continue;
    TATAMI_ASSIGN_OR_RETURN(SafetensorsEntry entry, ParseEntry(path, name, value));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  int64_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != at) {
      return Corrupt(
          path, absl::StrCat("tensor '", entry.name, "' starts at byte ", entry.begin,
                             " where ", at, " is due: data overlap or have a hole."));
    }
    at = entry.end;
  }
  if (at != data_bytes) {
    return Corrupt(
        path, absl::StrCat("its tensors need ", at, " bytes of data and the file has ",
                           data_bytes, "."));
  }
  return entries;
}

}  // namespace

std::string EncodeSafetensorsHeader(const std::vector<SafetensorsEntry>& entries) {
  nlohmann::ordered_json header;
  // The key by which Python readers know which framework's tensors to make.
  header["__metadata__"] = {{"format", "pt"}};
  int64_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    TATAMI_CHECK(entry.begin == at) << entry.name << " leaves a hole";
    at = entry.end;
    header[entry.name] = {
        {"dtype", SafetensorsName(entry.type.dtype)},
        {"shape", std::vector<int64_t>(entry.type.dims.begin(), entry.type.dims.end())},
        {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const uint64_t length = text.size();
  std::string out(kLengthBytes, '\0');
  std::memcpy(out.data(), &length, kLengthBytes);
  return out + text;
}

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(Storage& storage,
                                                        const std::string& path) {
  TATAMI_ASSIGN_OR_RETURN(const int64_t file_bytes, storage.FileBytes(path));
  if (file_bytes < kLengthBytes) {
    return Corrupt(path, absl::StrCat("it has ", file_bytes,
                                      " bytes; the header length alone takes 8."));
  }
  uint64_t length = 0;
  TATAMI_RETURN_IF_ERROR(
      storage.Read(path, 0, {reinterpret_cast<std::byte*>(&length), sizeof(length)}));
  const int64_t room = std::min(file_bytes - kLengthBytes, kHeaderBytesMax);
  if (length > static_cast<uint64_t>(room)) {
    return Corrupt(path, absl::StrCat("its header claims ", length, " bytes; at most ",
                                      room, " are possible in a file of ", file_bytes,
                                      " (limit ", kHeaderBytesMax, ")."));
  }
  std::string text(length, '\0');
  TATAMI_RETURN_IF_ERROR(storage.Read(
      path, kLengthBytes, {reinterpret_cast<std::byte*>(text.data()), text.size()}));
  SafetensorsHeader header;
  header.data_offset = kLengthBytes + static_cast<int64_t>(length);
  TATAMI_ASSIGN_OR_RETURN(header.entries,
                          ParseEntries(path, text, file_bytes - header.data_offset));
  return header;
}

}  // namespace tatami
