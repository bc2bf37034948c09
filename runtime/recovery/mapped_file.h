// A file that is written in place through memory, so that what a process has stored
// outlives it whatever ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace tatami {

class MappedFile {
 public:
  // Opens or makes the file and grows it to `bytes`; what it holds stays, and a longer
  // one is not cut. kStorage with the path, the bytes and the system's reason when
  // there is no room: its pages are reserved here, for a store into one that is missing
  // later would end the process.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path,
                                                          int64_t bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::Span<std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(absl::Span<std::byte> bytes) : bytes_(bytes) {}

  absl::Span<std::byte> bytes_;
};

}  // namespace tatami
