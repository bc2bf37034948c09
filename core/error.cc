#include "core/error.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace tatami {
namespace {

constexpr char kCodeUrl[] = "tatami/error_code";
constexpr char kOverflowUrl[] = "tatami/sram_overflow";

int64_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const int64_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string ErrorCodeName(ErrorCode code) {
  return absl::StrFormat("E%04d", static_cast<int>(code));
}

absl::StatusCode StatusCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kDenied:
      return absl::StatusCode::kPermissionDenied;
    case ErrorCode::kDoesNotFit:
      return absl::StatusCode::kResourceExhausted;
    case ErrorCode::kDataMissing:
      return absl::StatusCode::kNotFound;
    case ErrorCode::kDataUnreadable:
    case ErrorCode::kCheckpointCorrupt:
      return absl::StatusCode::kDataLoss;
    case ErrorCode::kNotFinite:
      return absl::StatusCode::kOutOfRange;
    case ErrorCode::kDeadline:
      return absl::StatusCode::kDeadlineExceeded;
    case ErrorCode::kStorage:
    case ErrorCode::kLaunch:
    case ErrorCode::kService:
      return absl::StatusCode::kUnavailable;
    case ErrorCode::kCheckpointMismatch:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInvalidArgument;
  }
}

absl::Status MakeError(ErrorCode code, absl::string_view message) {
  absl::Status status(StatusCodeOf(code),
                      absl::StrCat(ErrorCodeName(code), ": ", message));
  status.SetPayload(kCodeUrl, absl::Cord(absl::StrCat(static_cast<int>(code))));
  return status;
}

std::optional<ErrorCode> GetErrorCode(const absl::Status& status) {
  const auto payload = status.GetPayload(kCodeUrl);
  int code = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &code)) return std::nullopt;
  return static_cast<ErrorCode>(code);
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  const auto code = GetErrorCode(status);
  if (!code) return 1;
  const int family = static_cast<int>(*code) / 100;
  return family == 1 ? 2 : family;
}

absl::Status Annotate(absl::Status status) { return status; }

absl::Status Annotate(absl::Status status, absl::string_view context) {
  absl::Status out(status.code(), absl::StrCat(status.message(), " (", context, ")"));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& cord) {
    out.SetPayload(url, cord);
  });
  return out;
}

void AttachSramOverflow(const SramOverflow& o, absl::Status& status) {
  status.SetPayload(
      kOverflowUrl,
      absl::Cord(absl::StrCat(o.row, " ", o.col, " ", o.superstep, " ", o.needed_bytes,
                              " ", o.available_bytes, " ", o.state_bytes)));
}

std::optional<SramOverflow> GetSramOverflow(const absl::Status& status) {
  const auto payload = status.GetPayload(kOverflowUrl);
  if (!payload) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), ' ');
  SramOverflow o;
  if (parts.size() != 6 || !absl::SimpleAtoi(parts[0], &o.row) ||
      !absl::SimpleAtoi(parts[1], &o.col) ||
      !absl::SimpleAtoi(parts[2], &o.superstep) ||
      !absl::SimpleAtoi(parts[3], &o.needed_bytes) ||
      !absl::SimpleAtoi(parts[4], &o.available_bytes) ||
      !absl::SimpleAtoi(parts[5], &o.state_bytes)) {
    return std::nullopt;
  }
  return o;
}

std::string NearestName(absl::string_view wrong,
                        const std::vector<std::string>& known) {
  int64_t best = static_cast<int64_t>(wrong.size()) / 2 + 2;
  std::string name;
  for (const std::string& k : known) {
    if (const int64_t d = EditDistance(wrong, k); d < best) best = d, name = k;
  }
  return name.empty() ? "" : absl::StrCat("did you mean '", name, "'?");
}

}  // namespace tatami
