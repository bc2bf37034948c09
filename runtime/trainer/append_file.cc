#include "runtime/trainer/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

absl::Status Failed(const std::string& path, const std::error_code& reason) {
  return MakeError(ErrorCode::kStorage,
                   absl::StrCat("cannot write '", path, "': ", reason.message(),
                                ". Free space there or give --out another directory."));
}

std::error_code LastError() { return {errno, std::generic_category()}; }

}  // namespace

absl::StatusOr<std::unique_ptr<AppendFile>> AppendFile::Open(const std::string& path,
                                                             AppendMode mode) {
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return Failed(path, error);
  const int truncate = mode == AppendMode::kReplace ? O_TRUNC : 0;
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncate, 0644);
  if (fd < 0) return Failed(path, LastError());
  return absl::WrapUnique(new AppendFile(path, fd));
}

AppendFile::~AppendFile() { close(fd_); }

absl::Status AppendFile::Append(absl::string_view record) {
  // One write call a record, so that nothing lingers in a buffer of this process.
  while (!record.empty()) {
    const ssize_t n = write(fd_, record.data(), record.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(path_, LastError());
    record.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace tatami
