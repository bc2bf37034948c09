#include "tools/jobs/web/computed_steps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"

namespace tatami::jobs {
namespace {

constexpr size_t kPaceSteps = 32;
constexpr int64_t kFrameBytes = 8 + 4 + 4;  // length and checksum, then a checksum

template <typename T>
T Fixed(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// The varint in `bytes`; nullopt when it does not end there.
std::optional<int64_t> Varint(const char* begin, const char* end) {
  uint64_t value = 0;
  for (int shift = 0; begin != end && shift < 64; ++begin, shift += 7) {
    const auto byte = static_cast<uint8_t>(*begin);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return static_cast<int64_t>(value);
  }
  return std::nullopt;
}

}  // namespace

// A record is its length, a checksum, the event, a checksum (tensorboard_writer.h); an
// event of ours begins with 1 wall_time (tag 0x09) and 2 step (tag 0x10). The rest is
// skipped unread.
void ComputedSteps::ReadFile(const std::string& path, AttemptFile& file) const {
  std::error_code error;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error || size <= file.offset) return;
  std::ifstream in(path, std::ios::binary);
  std::array<char, 12 + 9 + 1 + 10> head;
  while (file.offset + kFrameBytes <= size) {
    head.fill(0);
    in.clear();
    in.seekg(file.offset);
    in.read(head.data(), head.size());
    const auto length = Fixed<uint64_t>(head.data());
    if (length > static_cast<uint64_t>(size - file.offset - kFrameBytes)) return;
    file.offset += kFrameBytes + static_cast<int64_t>(length);
    const auto step = Varint(head.data() + 22, head.data() + head.size());
    if (length < 11 || head[12] != 0x09 || head[21] != 0x10 || !step) continue;
    // Step 0 is the file's version; an evaluation is a second event of its step.
    if (*step <= (file.last.empty() ? 0 : file.last.back().step)) continue;
    ++file.computed;
    file.last.push_back({*step, Fixed<double>(head.data() + 13)});
    if (file.last.size() > kPaceSteps) file.last.pop_front();
  }
}

void ComputedSteps::Read() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (!absl::StartsWith(name, "events.out.tfevents.")) continue;
    ReadFile(entry.path(), files_[entry.path()]);
  }
}

int64_t ComputedSteps::computed() const {
  int64_t sum = 0;
  for (const auto& [path, file] : files_) sum += file.computed;
  return sum;
}

int64_t ComputedSteps::reached() const {
  int64_t reached = 0;
  for (const auto& [path, file] : files_) {
    if (!file.last.empty()) reached = std::max(reached, file.last.back().step);
  }
  return reached;
}

double ComputedSteps::Goodput() const {
  if (computed() == 0) return 1;
  return std::min(1.0,
                  static_cast<double>(reached()) / static_cast<double>(computed()));
}

double ComputedSteps::StepsPerSecond() const {
  const AttemptFile* newest = nullptr;
  for (const auto& [path, file] : files_) {
    if (file.last.empty()) continue;
    if (newest == nullptr ||
        file.last.back().wall_time_s > newest->last.back().wall_time_s) {
      newest = &file;
    }
  }
  if (newest == nullptr || newest->last.size() < 2) return 0;
  const Event& first = newest->last.front();
  const Event& last = newest->last.back();
  const double seconds = last.wall_time_s - first.wall_time_s;
  return seconds > 0 ? static_cast<double>(last.step - first.step) / seconds : 0;
}

}  // namespace tatami::jobs
