#include "runtime/trainer/tensorboard_writer.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fixed-width fields are copied as they lie in memory");

constexpr std::array<uint32_t, 256> Crc32cTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    }
    table[i] = crc;
  }
  return table;
}

template <typename T>
void AppendFixed(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Wire types of protobuf.
enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void AppendTag(uint64_t field, WireType type, std::string& out) {
  AppendVarint(field << 3 | type, out);
}

void AppendBytesField(uint64_t field, absl::string_view bytes, std::string& out) {
  AppendTag(field, kBytes, out);
  AppendVarint(bytes.size(), out);
  out.append(bytes.data(), bytes.size());
}

// Event: 1 wall_time, 2 step, and 3 file_version or 5 summary.
std::string Event(double wall_time_s, int64_t step, uint64_t what_field,
                  absl::string_view what) {
  std::string event;
  AppendTag(1, kFixed64, event);
  AppendFixed(wall_time_s, event);
  AppendTag(2, kVarint, event);
  AppendVarint(static_cast<uint64_t>(step), event);
  AppendBytesField(what_field, what, event);
  return event;
}

// Summary: repeated 1 Value {1 tag, 2 simple_value}.
std::string Summary(absl::Span<const Metric> metrics) {
  std::string summary;
  for (const Metric& metric : metrics) {
    std::string value;
    AppendBytesField(1, metric.name, value);
    AppendTag(2, kFixed32, value);
    AppendFixed(static_cast<float>(metric.value), value);
    AppendBytesField(1, value, summary);
  }
  return summary;
}

// TFRecord masks its checksums, because the CRC of data that contain CRCs is weak.
uint32_t MaskedCrc(absl::string_view data) {
  const uint32_t crc = Crc32c(data);
  return std::rotr(crc, 15) + 0xA282EAD8u;
}

std::string Record(absl::string_view payload) {
  std::string record;
  AppendFixed(static_cast<uint64_t>(payload.size()), record);
  AppendFixed(MaskedCrc(record), record);
  absl::StrAppend(&record, payload);
  AppendFixed(MaskedCrc(payload), record);
  return record;
}

}  // namespace

uint32_t Crc32c(absl::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = Crc32cTable();
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : data) {
    crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

absl::StatusOr<std::unique_ptr<TensorboardWriter>> TensorboardWriter::Open(
    const std::string& dir, double wall_time_s) {
  // Process id and counter keep a quick resume from writing over the file before.
  const std::string stem =
      absl::StrCat(dir, "/events.out.tfevents.", static_cast<int64_t>(wall_time_s),
                   ".tatami.", getpid(), ".");
  std::string path;
  for (int64_t i = 0; path.empty() || access(path.c_str(), F_OK) == 0; ++i) {
    path = absl::StrCat(stem, i);
  }
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file,
                          AppendFile::Open(path, AppendMode::kReplace));
  TATAMI_RETURN_IF_ERROR(
      file->Append(Record(Event(wall_time_s, 0, 3, "brain.Event:2"))));
  return absl::WrapUnique(new TensorboardWriter(path, std::move(file)));
}

absl::Status TensorboardWriter::Write(int64_t step, double wall_time_s,
                                      absl::Span<const Metric> metrics) {
  return file_->Append(Record(Event(wall_time_s, step, 5, Summary(metrics))));
}

}  // namespace tatami
