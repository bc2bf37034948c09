#include "tools/tatami/dead_flag.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<LiveMesh> ReadDeadFlag(const std::string& value, const Mesh& grid) {
  if (value.empty() || absl::StartsWith(value, "(")) {
    return ParseDeadList(grid, value, "--dead");
  }
  std::ifstream file(value);
  if (!file || std::filesystem::is_directory(value)) {
    return MakeError(
        ErrorCode::kBadDeadMap,
        absl::StrCat("--dead '", value,
                     "' neither starts with a part in brackets, as in "
                     "(3,7),(4,1)-(4,2), nor is a file that can be read. Correct the "
                     "list or the path."));
  }
  // Nothing in the file is a map too, of a whole grid.
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ParseDeadMap(grid, text, value);
}

}  // namespace tatami
