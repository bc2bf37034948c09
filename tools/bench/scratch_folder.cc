#include "tools/bench/scratch_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<std::unique_ptr<ScratchFolder>> ScratchFolder::Make() {
  std::string path =
      (std::filesystem::temp_directory_path() / "tatami-bench-XXXXXX").string();
  if (mkdtemp(path.data()) != nullptr) {
    return std::unique_ptr<ScratchFolder>(new ScratchFolder(std::move(path)));
  }
  return MakeError(
      ErrorCode::kStorage,
      absl::StrCat("cannot make the folder ", path, ": ", std::strerror(errno),
                   ". Set TMPDIR to a folder that can be written to."));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // a folder left behind harms nobody
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tatami
