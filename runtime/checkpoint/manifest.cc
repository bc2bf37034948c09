#include "runtime/checkpoint/manifest.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "core/error.h"
#include "runtime/checkpoint/strict_json.h"

namespace tatami {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr char kFormat[] = "tatami-checkpoint-2";
constexpr absl::string_view kChecksumKey = "\"checksum\": \"";
// No element lies across two chunks.
constexpr int64_t kChunkAlignment = 8;
constexpr size_t kChecksumDigits = 16;
// What follows the checksum's digits at the end of the text.
constexpr absl::string_view kTail = "\"\n}\n";

// Where the digits of the text's own checksum start, or npos.
size_t ChecksumPosition(absl::string_view text) {
  const size_t tail = kChecksumKey.size() + kChecksumDigits + kTail.size();
  if (text.size() < tail) return absl::string_view::npos;
  const size_t key = text.size() - tail;
  if (text.substr(key, kChecksumKey.size()) != kChecksumKey ||
      text.substr(text.size() - kTail.size()) != kTail) {
    return absl::string_view::npos;
  }
  return key + kChecksumKey.size();
}

std::string TextChecksum(std::string text, size_t position) {
  text.replace(position, kChecksumDigits, kChecksumDigits, '0');
  return Checksum(AsBytes(text));
}

// Reads typed fields of one object and remembers whether all were there.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object), ok_(object.is_object()) {}

  void Read(const char* key, int64_t& to) { Take(JsonCount(object_, key), to); }
  void Read(const char* key, uint64_t& to) { Take(JsonUnsigned(object_, key), to); }
  void Read(const char* key, std::string& to) { Take(JsonString(object_, key), to); }
  // A member array or object, empty when it is missing.
  const json& Child(const char* key, json::value_t type) {
    const auto it = object_.find(key);
    if (it != object_.end() && it->type() == type) return *it;
    ok_ = false;
    static const json kEmpty = json::object();
    return kEmpty;
  }
  void Read(const char* key, std::vector<std::string>& to) {
    for (const json& entry : Child(key, json::value_t::array)) {
      ok_ = ok_ && entry.is_string();
      if (ok_) to.push_back(entry.get<std::string>());
    }
  }
  bool ok() const { return ok_; }

 private:
  template <typename T>
  void Take(std::optional<T> value, T& to) {
    if (value) {
      to = *std::move(value);
    } else {
      ok_ = false;
    }
  }

  const json& object_;
  bool ok_;
};

// False when a field is missing or of the wrong type.
bool ReadFiles(const json& list, std::vector<ManifestFile>& files) {
  bool ok = true;
  for (const json& entry : list) {
    Fields f(entry);
    ManifestFile& file = files.emplace_back();
    f.Read("name", file.name);
    f.Read("bytes", file.bytes);
    f.Read("head_bytes", file.head_bytes);
    f.Read("head_xxh3", file.head_checksum);
    ok = ok && f.ok();
  }
  return ok;
}

bool ReadTensors(const json& list, std::vector<ManifestTensor>& tensors) {
  bool ok = true;
  for (const json& entry : list) {
    Fields f(entry);
    ManifestTensor& tensor = tensors.emplace_back();
    f.Read("name", tensor.name);
    f.Read("file", tensor.file);
    f.Read("chunks_xxh3", tensor.chunk_checksums);
    ok = ok && f.ok();
  }
  return ok;
}

// Everything but the format and the checksum.
bool ReadFields(const json& object, Manifest& m, std::string& root) {
  Fields fields(object);
  fields.Read("model", m.model);
  fields.Read("step", m.step);
  fields.Read("seed", m.seed);
  Fields cursor(fields.Child("data_cursor", json::value_t::object));
  cursor.Read("epoch", m.data_cursor.epoch);
  cursor.Read("batch", m.data_cursor.batch);
  fields.Read("chunk_bytes", m.chunk_bytes);
  const bool files = ReadFiles(fields.Child("files", json::value_t::array), m.files);
  const bool tensors =
      ReadTensors(fields.Child("tensors", json::value_t::array), m.tensors);
  fields.Read("merkle_root", root);
  return cursor.ok() && files && tensors && fields.ok() && m.chunk_bytes > 0 &&
         m.chunk_bytes % kChunkAlignment == 0;
}

}  // namespace

std::string Checksum(Bytes data) {
  return absl::StrFormat("%016x", XXH3_64bits(data.data(), data.size()));
}

std::string MerkleRoot(const Manifest& manifest) {
  std::vector<std::string> level = {Checksum(AsBytes(
      absl::StrCat(manifest.model, "\n", manifest.step, " ", manifest.seed, " ",
                   manifest.data_cursor.epoch, " ", manifest.data_cursor.batch)))};
  for (const ManifestFile& f : manifest.files) level.push_back(f.head_checksum);
  for (const ManifestTensor& t : manifest.tensors) {
    level.insert(level.end(), t.chunk_checksums.begin(), t.chunk_checksums.end());
  }
  while (level.size() > 1) {
    std::vector<std::string> above;
    for (size_t i = 0; i + 1 < level.size(); i += 2) {
      above.push_back(Checksum(AsBytes(level[i] + level[i + 1])));
    }
    if (level.size() % 2 != 0) above.push_back(level.back());
    level = std::move(above);
  }
  return level[0];
}

std::string EncodeManifest(const Manifest& manifest) {
  ordered_json out;
  out["format"] = kFormat;
  out["model"] = manifest.model;
  out["step"] = manifest.step;
  out["seed"] = manifest.seed;
  out["data_cursor"] = {{"epoch", manifest.data_cursor.epoch},
                        {"batch", manifest.data_cursor.batch}};
  out["chunk_bytes"] = manifest.chunk_bytes;
  out["files"] = ordered_json::array();
  for (const ManifestFile& f : manifest.files) {
    out["files"].push_back({{"name", f.name},
                            {"bytes", f.bytes},
                            {"head_bytes", f.head_bytes},
                            {"head_xxh3", f.head_checksum}});
  }
  out["tensors"] = ordered_json::array();
  for (const ManifestTensor& t : manifest.tensors) {
    out["tensors"].push_back(
        {{"name", t.name}, {"file", t.file}, {"chunks_xxh3", t.chunk_checksums}});
  }
  out["merkle_root"] = MerkleRoot(manifest);
  out["checksum"] = std::string(kChecksumDigits, '0');
  std::string text = out.dump(1) + "\n";
  const size_t position = ChecksumPosition(text);
  TATAMI_CHECK(position != absl::string_view::npos) << "manifest layout changed";
  return text.replace(position, kChecksumDigits, TextChecksum(text, position));
}

absl::StatusOr<Manifest> ParseManifest(absl::string_view text, absl::string_view path) {
  const auto corrupt = [&](absl::string_view what) {
    return MakeError(ErrorCode::kCheckpointCorrupt,
                     absl::StrCat("'", path, "' is corrupt: ", what));
  };
  const size_t position = ChecksumPosition(text);
  if (position == absl::string_view::npos) {
    return corrupt(absl::StrCat("its ", text.size(),
                                " bytes do not end with a checksum; it is truncated or "
                                "not a manifest."));
  }
  const absl::string_view stored = text.substr(position, kChecksumDigits);
  if (const std::string computed = TextChecksum(std::string(text), position);
      computed != stored) {
    return corrupt(
        absl::StrCat("its xxh3 is ", computed, " and it states ", stored, "."));
  }
  const auto object = ParseJsonObject(text);
  if (!object) return corrupt("it is not a JSON object with unique keys.");
  if (const std::string format = JsonString(*object, "format").value_or("");
      format != kFormat) {
    return corrupt(absl::StrCat("its format is '", format, "' and this program reads '",
                                kFormat,
                                "'. Go on with the version of tatami that wrote it."));
  }
  Manifest m;
  std::string root;
  if (!ReadFields(*object, m, root)) {
    return corrupt("a field is missing or of the wrong type.");
  }
  if (const std::string computed = MerkleRoot(m); computed != root) {
    return corrupt(absl::StrCat("its checksums have the Merkle root ", computed,
                                " and it states ", root, "."));
  }
  return m;
}

}  // namespace tatami
