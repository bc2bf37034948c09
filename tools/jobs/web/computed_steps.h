// How many steps the processes of a run have computed, those computed again included,
// and at what pace.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace tatami::jobs {

// Follows RUN/events.out.tfevents.*, of which every attempt writes one of its own and
// none is ever cut back: unlike metrics.jsonl they keep the steps that were lost and
// done again. A step whose process died before it could write is not seen, at most one
// an attempt. Thread-compatible.
class ComputedSteps {
 public:
  explicit ComputedSteps(std::string run_folder) : folder_(std::move(run_folder)) {}

  // Reads what was added since the last call.
  void Read();

  int64_t computed() const;
  int64_t reached() const;  // the last step that was computed: each counted once
  // reached / computed, in (0, 1]; 1 before there is a step.
  double Goodput() const;
  // Over the last steps of the newest attempt; 0 while there are fewer than two.
  double StepsPerSecond() const;

 private:
  struct Event {
    int64_t step = 0;
    double wall_time_s = 0;
  };
  struct AttemptFile {
    int64_t offset = 0;  // of the first record not read
    int64_t computed = 0;
    std::deque<Event> last;
  };
  void ReadFile(const std::string& path, AttemptFile& file) const;

  std::string folder_;
  std::map<std::string, AttemptFile> files_;  // by path
};

}  // namespace tatami::jobs
