#include "tools/tatami/write_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"

namespace tatami {

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  if (!(file << text).flush()) {
    return MakeError(ErrorCode::kStorage,
                     "cannot write '" + path + "': " + std::strerror(errno) +
                         ". Check that its folder is there and has room.");
  }
  return absl::OkStatus();
}

}  // namespace tatami
