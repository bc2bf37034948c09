#include "runtime/recovery/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

absl::Status NoRoom(const std::string& path, int64_t bytes, int error) {
  return MakeError(
      ErrorCode::kStorage,
      absl::StrCat("cannot keep ", bytes, " bytes in '", path,
                   "': ", std::strerror(error),
                   ". Free memory there, or give --snapshots a folder with room."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path,
                                                             int64_t bytes) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return NoRoom(path, bytes, errno);
  int error = posix_fallocate(fd, 0, bytes);
  void* data = MAP_FAILED;
  if (error == 0) {
    data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) error = errno;
  }
  close(fd);  // the mapping stays
  if (error != 0) return NoRoom(path, bytes, error);
  return absl::WrapUnique(new MappedFile(
      absl::MakeSpan(static_cast<std::byte*>(data), static_cast<size_t>(bytes))));
}

MappedFile::~MappedFile() { munmap(bytes_.data(), bytes_.size()); }

}  // namespace tatami
