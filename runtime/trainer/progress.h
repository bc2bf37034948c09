// What a person sees of a run: one rewritten line on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace tatami {

// kTerminal rewrites one line; kPlain prints whole lines, for files and pipes.
enum class ProgressStyle { kTerminal, kPlain };

// kTerminal when the stream is a terminal that can rewrite a line.
ProgressStyle ProgressStyleOf(std::FILE* out);

struct ProgressOptions {
  ProgressStyle style = ProgressStyle::kPlain;
  int64_t first_step = 0;  // steps done before, by a resumed run
  int64_t total_steps = 0;
  int64_t samples_per_step = 0;
  int64_t plain_every_steps = 100;       // kPlain: the first, the last and each n-th
  double terminal_interval_s_min = 0.1;  // kTerminal: not more often than this
};

// What one line says.
struct ProgressState {
  int64_t step = 0;
  int64_t total_steps = 0;
  double loss = 0;
  double samples_per_s = 0;  // 0: not known yet
  double left_s = -1;        // negative: not known yet
};

// "step 120/1000  12%  loss 0.6931  850 samples/s  ETA 1:02:03", at most 79 columns, so
// that a terminal of 80 does not wrap. Whole fields are left out from the right when it
// would be longer.
std::string FormatProgress(const ProgressState& state);

// "1:02:03", "2:03", "3d 04:05:06"
std::string FormatDuration(double seconds);

// Thread-compatible. `out` outlives this. Output that cannot be written is no error: a
// closed pipe must not end a run.
class Progress {
 public:
  Progress(std::FILE* out, const ProgressOptions& options)
      : out_(out), options_(options) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { Finish(); }

  // After `step` steps are done. `now_s` is any steady clock in seconds; rates are
  // taken from the first call on.
  void Report(int64_t step, double loss, double now_s);

  // Prints `text` as a line of its own and leaves the progress line whole below it.
  void Note(const std::string& text);

  // Ends the rewritten line. Calling it again does nothing.
  void Finish();

 private:
  bool IsDue(int64_t step, double now_s) const;

  std::FILE* const out_;
  const ProgressOptions options_;
  bool started_ = false;
  int64_t start_step_ = 0;
  double start_s_ = 0;
  double printed_s_ = 0;
  std::string line_;  // kTerminal: what stands on the current line
};

}  // namespace tatami
