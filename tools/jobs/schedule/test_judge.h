// Checks the decisions of one replay, each by itself and in their sequence.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tools/jobs/schedule/test_naive_map.h"
#include "tools/jobs/schedule/test_trace.h"

namespace tatami::jobs {

class Judge {
 public:
  Judge(const RandomTrace& random, TraceCounts& counts)
      : random_(random), counts_(counts) {}

  void Check(const ReplayStep& step);
  void CheckEnd(const std::map<int64_t, JobRun>& runs);

 private:
  // A job that holds nodes, as the checks see it.
  struct Holder {
    int64_t id;
    Rectangle rectangle;
    std::string queue;
    int64_t end_s;
    bool movable;
  };

  void CheckEachJobOnce(const ReplayStep& step);
  std::vector<Holder> CheckMoves(const ReplayStep& step);
  void CheckStarts(const ReplayStep& step, const std::vector<Holder>& moved);
  void CheckQuotas(const ReplayStep& step, const std::vector<Holder>& after);
  void CheckLending(const ReplayStep& step, const Start& start,
                    const std::vector<Holder>& before);
  void CheckReservation(const ReplayStep& step, const std::vector<Holder>& after);
  void CheckReasons(const ReplayStep& step, const std::vector<Holder>& after);
  void CheckPromise(const ReplayStep& step);
  void CheckOrderOfLists(const ReplayStep& step);
  void NoteForecast(const ReplayStep& step);
  void NoteBounds(const ReplayStep& step);

  int64_t BandOf(const PendingJob& job, const ReplayStep& step) const;
  bool IsReady(const PendingJob& job, const ReplayStep& step) const;
  NaiveMap MapOf(const ReplayStep& step, const std::vector<Holder>& holders) const;
  // When `id` starts by naive search, if only holders end.
  std::optional<int64_t> NaiveEarliest(const ReplayStep& step, const PendingJob& job,
                                       const std::vector<Holder>& holders) const;

  const RandomTrace& random_;
  TraceCounts& counts_;
  std::optional<Reservation> promise_;  // the first of the job that has one
  int64_t promised_band_ = 0;
  std::map<int64_t, int64_t> forecast_;      // starts, once nothing new arrives
  std::map<int64_t, int64_t> latest_start_;  // bounds of waiting
};

}  // namespace tatami::jobs
