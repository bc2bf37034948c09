// What a run has written about itself, read while it may be writing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tatami::jobs {

struct RunProgress {
  int64_t step = 0;  // steps done
  double loss = 0;
};

// The last whole training line of RUN/metrics.jsonl; nullopt before there is one.
std::optional<RunProgress> ReadProgress(const std::string& run_folder);

// RUN/summary.json, which a run writes when it ends by itself.
struct RunEnd {
  int64_t steps = 0;
  int64_t total_steps = 0;
  bool stopped = false;  // early, by a signal or a time limit
  std::string weights_hash;
};
std::optional<RunEnd> ReadEnd(const std::string& run_folder);

// What the last line of the log that starts with "tatami: " says, or "".
std::string LastError(const std::string& log_path);

}  // namespace tatami::jobs
