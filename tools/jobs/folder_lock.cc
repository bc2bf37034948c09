#include "tools/jobs/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tatami::jobs {
namespace {

std::string LockPath(const std::string& folder) { return folder + "/lock"; }

}  // namespace

FolderLock::FolderLock(const std::string& folder)
    : fd_(open(LockPath(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  error_ = fd_ < 0 ? errno : 0;
  held_ = fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

bool FolderLock::unreadable() const { return fd_ < 0 && error_ != ENOENT; }

bool IsLockOf(int fd, const std::string& folder) {
  struct stat open_file, lock;
  return fstat(fd, &open_file) == 0 && stat(LockPath(folder).c_str(), &lock) == 0 &&
         open_file.st_dev == lock.st_dev && open_file.st_ino == lock.st_ino;
}

}  // namespace tatami::jobs
