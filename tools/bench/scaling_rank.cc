#include "tools/bench/scaling_rank.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

using Bytes = std::vector<std::byte>;

absl::Status Meet(Transport& transport) {
  TATAMI_RETURN_IF_ERROR(transport.GatherToRoot({}).status());
  Bytes nothing;
  return transport.BroadcastFromRoot(nothing);
}

StepTimes Since(const StepTimes& before, const StepTimes& after) {
  return {.exchange_s = after.exchange_s - before.exchange_s,
          .wait_s = after.wait_s - before.wait_s,
          .compute_s = after.compute_s - before.compute_s};
}

// On rank 0, the times of the rank that computed longest; elsewhere the rank's own.
absl::StatusOr<StepTimes> OfSlowestRank(Transport& transport, StepTimes mine) {
  Bytes bytes(sizeof mine);
  std::memcpy(bytes.data(), &mine, sizeof mine);
  TATAMI_ASSIGN_OR_RETURN(const auto all, transport.GatherToRoot(bytes));
  for (const Bytes& of_rank : all) {
    StepTimes theirs;
    std::memcpy(&theirs, of_rank.data(), sizeof theirs);
    if (theirs.compute_s > mine.compute_s) mine = theirs;
  }
  return mine;
}

absl::StatusOr<std::string> TimeSteps(RepeatedBatch& batch, int64_t steps) {
  Transport& transport = batch.runner().transport();
  TATAMI_RETURN_IF_ERROR(Meet(transport));
  const StepTimes before = batch.runner().emulator().times();
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < steps; ++i) TATAMI_RETURN_IF_ERROR(batch.Step());
  TATAMI_RETURN_IF_ERROR(Meet(transport));  // all have done them
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  TATAMI_ASSIGN_OR_RETURN(
      const StepTimes times,
      OfSlowestRank(transport, Since(before, batch.runner().emulator().times())));
  return absl::StrCat(passed.count(), " ", times.compute_s, " ", times.exchange_s, " ",
                      times.wait_s);
}

}  // namespace

std::string RequestPath(const std::string& folder, int rank) {
  return absl::StrCat(folder, "/rank", rank);
}

absl::Status ServeSteps(const StepSetup& setup, std::unique_ptr<Transport> transport,
                        const std::string& folder) {
  const int rank = transport->rank();
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch batch,
                          RepeatedBatch::Create(setup, std::move(transport)));
  if (rank == 0) std::cout << "ready" << std::endl;
  std::ifstream requests(RequestPath(folder, rank));
  for (std::string line; std::getline(requests, line);) {
    int64_t steps = 0;
    if (!absl::SimpleAtoi(line, &steps) || steps < 1) {
      return absl::InvalidArgumentError(absl::StrCat("a number of steps, not ", line));
    }
    TATAMI_ASSIGN_OR_RETURN(const std::string answer, TimeSteps(batch, steps));
    if (rank == 0) std::cout << answer << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace tatami
