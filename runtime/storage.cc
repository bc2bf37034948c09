#include "runtime/storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(absl::string_view what, absl::string_view path,
                    const std::error_code& reason) {
  return MakeError(ErrorCode::kStorage,
                   absl::StrCat("cannot ", what, " '", path, "': ", reason.message()));
}

// Of "a", that is ".".
std::string ParentOf(const std::string& path) {
  fs::path parent(path);
  if (!parent.has_filename()) parent = parent.parent_path();  // "a/"
  parent = parent.parent_path();
  return parent.empty() ? "." : parent.string();
}

std::error_code LastError() { return {errno, std::generic_category()}; }

// An open file that is closed when it goes out of scope.
class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags, 0644)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // Some systems report a full disk only here.
  bool Close() { return close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

}  // namespace

absl::Status PosixStorage::MakeDirectory(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return absl::OkStatus();
  const std::string parent = ParentOf(path);
  if (!fs::exists(parent, error)) TATAMI_RETURN_IF_ERROR(MakeDirectory(parent));
  fs::create_directory(path, error);
  if (error) return Failed("make directory", path, error);
  return Sync(parent);
}

absl::Status PosixStorage::Write(const std::string& path,
                                 absl::Span<const Bytes> pieces) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (!file.ok()) return Failed("write", path, LastError());
  for (Bytes piece : pieces) {
    while (!piece.empty()) {
      const ssize_t n = write(file.fd(), piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed("write", path, LastError());
      piece.remove_prefix(static_cast<size_t>(n));
    }
  }
  if (!file.Close()) return Failed("write", path, LastError());
  return absl::OkStatus();
}

absl::Status PosixStorage::Read(const std::string& path, int64_t offset,
                                absl::Span<std::byte> to) {
  File file(path, O_RDONLY | O_CLOEXEC);
  if (!file.ok()) return Failed("read", path, LastError());
  while (!to.empty()) {
    const ssize_t n = pread(file.fd(), to.data(), to.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read", path, LastError());
    if (n == 0) {
      return MakeError(ErrorCode::kStorage,
                       absl::StrCat("cannot read '", path, "': it ends at byte ",
                                    offset, ", ", to.size(), " bytes too early"));
    }
    to.remove_prefix(static_cast<size_t>(n));
    offset += n;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PosixStorage::FileBytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (error) return Failed("read", path, error);
  return static_cast<int64_t>(bytes);
}

bool PosixStorage::Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

absl::Status PosixStorage::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  if (errno != ENOTEMPTY && errno != EEXIST) return Failed("rename", from, LastError());
  // A directory with entries cannot be replaced, but two can change places atomically.
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
    return Failed("replace", to, LastError());
  }
  TATAMI_RETURN_IF_ERROR(Sync(ParentOf(to)));
  return Remove(from);
}

absl::Status PosixStorage::Remove(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return error ? Failed("remove", path, error) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PosixStorage::List(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator it(path, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return Failed("list", path, error);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status PosixStorage::Sync(const std::string& path) {
  File file(path, O_RDONLY | O_CLOEXEC);
  if (!file.ok() || fsync(file.fd()) != 0) return Failed("sync", path, LastError());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PosixStorage::FreeBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) {
    return Failed("measure the free space of", path, LastError());
  }
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

absl::Status ReplaceFile(Storage& storage, const std::string& path,
                         absl::Span<const Bytes> pieces) {
  const std::string beside = path + ".writing";
  absl::Status status = storage.Write(beside, pieces);
  if (status.ok()) status = storage.Sync(beside);
  if (status.ok()) status = storage.Rename(beside, path);
  if (!status.ok()) storage.Remove(beside).IgnoreError();  // its cause comes first
  return status;
}

absl::StatusOr<std::string> ReadText(Storage& storage, const std::string& path,
                                     int64_t bytes_max) {
  TATAMI_ASSIGN_OR_RETURN(const int64_t bytes, storage.FileBytes(path));
  if (bytes > bytes_max) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("'", path, "' has ", bytes, " bytes; at most ",
                                  bytes_max, " are read"));
  }
  std::string text(static_cast<size_t>(bytes), '\0');
  TATAMI_RETURN_IF_ERROR(
      storage.Read(path, 0, {reinterpret_cast<std::byte*>(text.data()), text.size()}));
  return text;
}

}  // namespace tatami
