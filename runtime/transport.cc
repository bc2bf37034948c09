#include "runtime/transport.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error.h"

namespace tatami {

namespace {

constexpr char kSilentUrl[] = "tatami/silent_ranks";

}  // namespace

absl::Status SilenceError(int rank, absl::Duration deadline, std::vector<int> silent) {
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  absl::Status status = MakeError(
      ErrorCode::kDeadline,
      absl::StrCat("rank ", rank, " waited ", absl::FormatDuration(deadline),
                   " in vain for rank ", absl::StrJoin(silent, ", "),
                   ". See what that rank said last and whether its host is up, "
                   "then go on with --resume."));
  status.SetPayload(kSilentUrl, absl::Cord(absl::StrJoin(silent, ",")));
  return status;
}

std::vector<int> SilentRanks(const absl::Status& status) {
  std::vector<int> ranks;
  const auto payload = status.GetPayload(kSilentUrl);
  if (!payload) return ranks;
  const std::string text(*payload);
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    int rank = 0;
    if (absl::SimpleAtoi(word, &rank)) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace tatami
