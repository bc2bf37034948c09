// The loss of a run over its steps, thinned to what a screen can show.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tatami::jobs {

// Neighbouring steps as one: their mean, and the lowest and highest of them, so that a
// spike of a single step stays to be seen however long the run.
struct CurvePoint {
  int64_t step = 0;   // the last of them
  int64_t steps = 0;  // how many
  double mean = 0, low = 0, high = 0;
};

// Follows RUN/metrics.jsonl. Thread-compatible.
class LossCurve {
 public:
  static constexpr size_t kPointsMax = 500;

  explicit LossCurve(const std::string& run_folder)
      : path_(run_folder + "/metrics.jsonl") {}

  // Reads what was added since the last call: O(new lines). A file that is another than
  // the one read so far, as of a run that resumed, is read from its start.
  void Read();

  // At most kPointsMax; all but the last stand for equally many steps.
  const std::vector<CurvePoint>& points() const { return points_; }
  int64_t steps_not_finite() const { return steps_not_finite_; }

 private:
  void Restart();
  void AddLine(const std::string& line);
  void Add(int64_t step, double loss);

  std::string path_;
  int64_t offset_ = 0;     // of the first byte not read
  std::string last_line_;  // before it
  uint64_t inode_ = 0;
  int64_t stride_ = 1;  // steps a point
  int64_t steps_not_finite_ = 0;
  std::vector<CurvePoint> points_;
};

}  // namespace tatami::jobs
