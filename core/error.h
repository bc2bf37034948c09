// Stable error codes, the exit code each one leads to, and payload structs.
//
// A message reads: code, what failed, where, the numbers, what to do. Every code has a
// page in docs/errors and a case in tests/error that compares the whole text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tatami {

// The hundreds digit is the family, which fixes the exit code of the command:
// 1 usage or configuration (exit 2), 3 does not fit (3), 4 data (4), 5 numeric (5),
// 6 infrastructure (6), 7 corrupt checkpoint (7).
enum class ErrorCode : int {
  kBadFlag = 101,  // unknown flag or a flag value out of range
  kUnknownModel = 102,
  kUnknownMachine = 103,
  kUnknownField = 104,  // text-proto or plan field
  kMeshTooLarge = 105,
  kBadPlan = 106,
  kBadGraph = 107,    // shapes or types that an op refuses
  kBadDeadMap = 108,  // of a grid's dead nodes and links
  kDenied = 109,      // the job service does not let this caller
  kDoesNotFit = 301,
  kDataMissing = 401,
  kDataUnreadable = 402,  // zero length, truncated, or not a video
  kLabelMismatch = 403,
  kDataTooSmall = 404,  // not enough frames for one clip or batch
  kNotFinite = 501,
  kDeadline = 601,
  kStorage = 602,
  kLaunch = 603,   // mpirun missing or ranks disagree
  kService = 604,  // the job service cannot be reached or started
  kCheckpointCorrupt = 701,
  kCheckpointMismatch = 702,
};

// "E0301"
std::string ErrorCodeName(ErrorCode code);
absl::StatusCode StatusCodeOf(ErrorCode code);

// A status whose message starts with the code's name and which carries the code.
absl::Status MakeError(ErrorCode code, absl::string_view message);

// The code that MakeError attached, or nullopt.
std::optional<ErrorCode> GetErrorCode(const absl::Status& status);

// Exit code of the command for this status; 0 when ok, 1 for an uncoded error.
int ExitCodeOf(const absl::Status& status);

// Prefixes nothing and keeps payloads; with `context`, appends " (context)".
absl::Status Annotate(absl::Status status);
absl::Status Annotate(absl::Status status, absl::string_view context);

// Payload of E0301: what the program may act on when a node's SRAM overflows.
struct SramOverflow {
  int64_t row = 0, col = 0;  // the worst node
  int64_t superstep = 0;     // where its peak is
  int64_t needed_bytes = 0;
  int64_t available_bytes = 0;
  int64_t state_bytes = 0;  // part of needed_bytes: what lives across steps
};
void AttachSramOverflow(const SramOverflow& overflow, absl::Status& status);
std::optional<SramOverflow> GetSramOverflow(const absl::Status& status);

// "did you mean 'd1_die'?" for the nearest of `known` by edit distance, or "".
std::string NearestName(absl::string_view wrong, const std::vector<std::string>& known);

}  // namespace tatami
