// From the service's records to the scheduler's values and back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/jobs/proto/jobs.pb.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

// "research=32+16@1": a queue that is sure of 32 nodes, may borrow 16, in band 1. What
// is left out is without limit, or band 0. E0101 otherwise.
absl::StatusOr<Queue> ParseQueue(absl::string_view text);

// The nodes that are handed out and how.
struct Cluster {
  Mesh mesh;
  std::vector<MeshNode> dead, drained;
  std::vector<Queue> queues;
};

// When the job will give its nodes back: at the pace of its steps so far, else after
// its time limit, else after a day.
int64_t EndEstimateMs(const Job& job, int64_t now_ms);

NodeRectangle ToProto(const Rectangle& rectangle);
std::string QueueOf(const Job& job);  // "default" when none is named

// What the scheduler decides for the queued jobs. `promised` is what it reserved the
// last time.
Decision PlaceJobs(const std::map<int64_t, Job>& jobs, const Cluster& cluster,
                   const std::optional<Reservation>& promised, int64_t now_ms);

}  // namespace tatami::jobs
