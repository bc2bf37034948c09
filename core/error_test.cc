#include "core/error.h"

#include "core/status_macros.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

struct Expected {
  ErrorCode code;
  const char* name;
  int exit_code;
  absl::StatusCode status;
};
const Expected kAll[] = {
    {ErrorCode::kBadFlag, "E0101", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kUnknownModel, "E0102", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kUnknownMachine, "E0103", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kUnknownField, "E0104", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kMeshTooLarge, "E0105", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kBadPlan, "E0106", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kBadGraph, "E0107", 2, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kDenied, "E0109", 2, absl::StatusCode::kPermissionDenied},
    {ErrorCode::kDoesNotFit, "E0301", 3, absl::StatusCode::kResourceExhausted},
    {ErrorCode::kDataMissing, "E0401", 4, absl::StatusCode::kNotFound},
    {ErrorCode::kDataUnreadable, "E0402", 4, absl::StatusCode::kDataLoss},
    {ErrorCode::kLabelMismatch, "E0403", 4, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kDataTooSmall, "E0404", 4, absl::StatusCode::kInvalidArgument},
    {ErrorCode::kNotFinite, "E0501", 5, absl::StatusCode::kOutOfRange},
    {ErrorCode::kDeadline, "E0601", 6, absl::StatusCode::kDeadlineExceeded},
    {ErrorCode::kStorage, "E0602", 6, absl::StatusCode::kUnavailable},
    {ErrorCode::kLaunch, "E0603", 6, absl::StatusCode::kUnavailable},
    {ErrorCode::kService, "E0604", 6, absl::StatusCode::kUnavailable},
    {ErrorCode::kCheckpointCorrupt, "E0701", 7, absl::StatusCode::kDataLoss},
    {ErrorCode::kCheckpointMismatch, "E0702", 7, absl::StatusCode::kFailedPrecondition},
};

// Scripts and documents rely on these numbers.
TEST(Error, CodesKeepTheirNamesExitCodesAndStatus) {
  for (const Expected& e : kAll) {
    const absl::Status status = MakeError(e.code, "what and where");
    EXPECT_EQ(status.message(),
              absl::string_view(std::string(e.name) + ": what and where"));
    EXPECT_EQ(GetErrorCode(status), e.code) << e.name;
    EXPECT_EQ(ExitCodeOf(status), e.exit_code) << e.name;
    EXPECT_EQ(status.code(), e.status) << e.name;
  }
}

TEST(Error, AStatusWithoutACodeExitsWithOneAndOkWithZero) {
  EXPECT_EQ(GetErrorCode(absl::InternalError("bug")), std::nullopt);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("bug")), 1);
  EXPECT_EQ(GetErrorCode(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
}

TEST(Error, AnnotateAddsContextAndKeepsCodeAndPayload) {
  absl::Status status = MakeError(ErrorCode::kDoesNotFit, "too big");
  const SramOverflow overflow{3, 5, 118, 1456 << 10, 1280 << 10};
  AttachSramOverflow(overflow, status);
  const absl::Status annotated = Annotate(status, "while placing conv1");
  EXPECT_EQ(annotated.message(), "E0301: too big (while placing conv1)");
  EXPECT_EQ(GetErrorCode(annotated), ErrorCode::kDoesNotFit);
  const auto kept = GetSramOverflow(annotated);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->row, 3);
  EXPECT_EQ(kept->col, 5);
  EXPECT_EQ(kept->superstep, 118);
  EXPECT_EQ(kept->needed_bytes, 1456 << 10);
  EXPECT_EQ(kept->available_bytes, 1280 << 10);
}

TEST(Error, NoOverflowIsReadFromOtherErrors) {
  EXPECT_FALSE(GetSramOverflow(MakeError(ErrorCode::kDoesNotFit, "x")).has_value());
  absl::Status garbled = MakeError(ErrorCode::kDoesNotFit, "x");
  garbled.SetPayload("tatami/sram_overflow", absl::Cord("1 2 three 4 5"));
  EXPECT_FALSE(GetSramOverflow(garbled).has_value());
}

absl::StatusOr<int> Half(int x) {
  if (x % 2 != 0) return MakeError(ErrorCode::kBadFlag, "odd");
  return x / 2;
}
absl::StatusOr<int> Quarter(int x) {
  TATAMI_ASSIGN_OR_RETURN(const int half, Half(x), "in the first half");
  TATAMI_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}
absl::Status Check(int x, int& calls) {
  TATAMI_RETURN_IF_ERROR(Quarter(x).status(), "while checking");
  ++calls;
  return absl::OkStatus();
}

TEST(StatusMacros, ReturnEarlyWithContextOrGoOn) {
  EXPECT_EQ(Quarter(12).value(), 3);
  EXPECT_EQ(Quarter(7).status().message(), "E0101: odd (in the first half)");
  EXPECT_EQ(Quarter(6).status().message(), "E0101: odd");
  int calls = 0;
  EXPECT_TRUE(Check(4, calls).ok());
  EXPECT_EQ(Check(7, calls).message(),
            "E0101: odd (in the first half) (while checking)");
  EXPECT_EQ(calls, 1);
}

TEST(NearestName, OffersTheNearestOrNothing) {
  const std::vector<std::string> known = {"d1_die", "dojo_tile", "exapod", "host"};
  EXPECT_EQ(NearestName("d1_dye", known), "did you mean 'd1_die'?");
  EXPECT_EQ(NearestName("hosts", known), "did you mean 'host'?");
  EXPECT_EQ(NearestName("exopad", known), "did you mean 'exapod'?");
  EXPECT_EQ(NearestName("qqqqqqqqqqqqqqqqqqqq", known), "");
  EXPECT_EQ(NearestName("host", {}), "");
}

}  // namespace
}  // namespace tatami
