// A place for files that processes hand to one another.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace tatami {

// A folder of its own, removed with all that is in it.
class ScratchFolder {
 public:
  // E0602 when the system's folder for such files takes none.
  static absl::StatusOr<std::unique_ptr<ScratchFolder>> Make();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace tatami
