// The lock of a job's folder: who holds it runs the job (see attempt_runner.h).
#pragma once

#include <string>

namespace tatami::jobs {

// Tries once, without waiting. Held while this lives or, where its descriptor was
// handed on, until the last process that has it ends. On a shared file system it counts
// on every host: NFS carries flock(2) by itself, Lustre when mounted with "flock".
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool held() const { return held_; }
  // Whether another has it; a folder that is not there belongs to nobody.
  bool taken() const { return fd_ >= 0 && !held_; }
  bool unreadable() const;
  int fd() const { return fd_; }

 private:
  int fd_;
  int error_ = 0;
  bool held_ = false;
};

// Whether this open descriptor is of that folder's lock.
bool IsLockOf(int fd, const std::string& folder);

}  // namespace tatami::jobs
