// A file that grows record by record, each handed to the system before Append returns.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

enum class AppendMode { kReplace, kContinue };

// Thread-compatible. Every failure is kStorage with the path and the system's reason.
class AppendFile {
 public:
  // Makes the parent directories.
  static absl::StatusOr<std::unique_ptr<AppendFile>> Open(const std::string& path,
                                                          AppendMode mode);
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  ~AppendFile();

  // A reader, or this program after being killed, sees all earlier records whole; only
  // the last may be cut when the disk fills up.
  absl::Status Append(absl::string_view record);

 private:
  AppendFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

}  // namespace tatami
