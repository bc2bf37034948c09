#include "runtime/transport.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"

namespace tatami {

absl::Status SilenceError(int rank, absl::Duration deadline, std::vector<int> silent) {
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  return MakeError(
      ErrorCode::kDeadline,
      absl::StrCat("rank ", rank, " waited ", absl::FormatDuration(deadline),
                   " in vain for rank ", absl::StrJoin(silent, ", "),
                   ". See what that rank said last and whether its host is up, "
                   "then go on with --resume."));
}

}  // namespace tatami
