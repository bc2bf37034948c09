#include "runtime/trainer/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace tatami {
namespace {

constexpr size_t kColumnsMax = 79;
// Carriage return, then erase to the end of the line.
constexpr absl::string_view kRewrite = "\r\033[K";

void Print(std::FILE* out, absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

ProgressStyle ProgressStyleOf(std::FILE* out) {
  const char* const term = std::getenv("TERM");
  const bool can_rewrite = term != nullptr && absl::string_view(term) != "dumb";
  return isatty(fileno(out)) != 0 && can_rewrite ? ProgressStyle::kTerminal
                                                 : ProgressStyle::kPlain;
}

std::string FormatDuration(double seconds) {
  const int64_t total = std::llround(seconds);
  const int64_t s = total % 60, m = total / 60 % 60, h = total / 3600 % 24;
  const int64_t days = total / 86400;
  if (days > 0) return absl::StrFormat("%dd %02d:%02d:%02d", days, h, m, s);
  if (h > 0) return absl::StrFormat("%d:%02d:%02d", h, m, s);
  return absl::StrFormat("%d:%02d", m, s);
}

std::string FormatProgress(const ProgressState& state) {
  const int64_t percent =
      state.total_steps > 0 ? 100 * state.step / state.total_steps : 100;
  // A century is no estimate; the field would only push others out.
  constexpr double kLeftMax = 100.0 * 365 * 86400;
  const bool knows_left = state.left_s >= 0 && state.left_s < kLeftMax;
  const std::vector<std::string> fields = {
      absl::StrCat("step ", state.step, "/", state.total_steps),
      absl::StrFormat("%3d%%", percent), absl::StrFormat("loss %.4g", state.loss),
      state.samples_per_s > 0
          ? absl::StrFormat("%.*f samples/s", state.samples_per_s < 100 ? 1 : 0,
                            state.samples_per_s)
          : "",
      knows_left ? absl::StrCat("ETA ", FormatDuration(state.left_s)) : ""};
  std::string line;
  for (const std::string& field : fields) {
    if (field.empty()) continue;
    const absl::string_view gap = line.empty() ? "" : "  ";
    if (line.size() + gap.size() + field.size() > kColumnsMax) break;
    absl::StrAppend(&line, gap, field);
  }
  return line;
}

bool Progress::IsDue(int64_t step, double now_s) const {
  if (step >= options_.total_steps || !started_) return true;
  if (options_.style == ProgressStyle::kTerminal) {
    return now_s - printed_s_ >= options_.terminal_interval_s_min;
  }
  return step == options_.first_step + 1 || options_.plain_every_steps < 1 ||
         step % options_.plain_every_steps == 0;
}

void Progress::Report(int64_t step, double loss, double now_s) {
  const bool due = IsDue(step, now_s);
  if (!started_) {
    started_ = true;
    start_step_ = step;
    start_s_ = now_s;
  }
  if (!due) return;
  printed_s_ = now_s;
  ProgressState state{.step = step, .total_steps = options_.total_steps, .loss = loss};
  const auto done = static_cast<double>(step - start_step_);
  const double elapsed_s = now_s - start_s_;
  if (done > 0 && elapsed_s > 0) {
    state.samples_per_s =
        done * static_cast<double>(options_.samples_per_step) / elapsed_s;
    state.left_s = static_cast<double>(options_.total_steps - step) * elapsed_s / done;
  }
  const std::string line = FormatProgress(state);
  if (options_.style == ProgressStyle::kPlain) {
    Print(out_, line + "\n");
    return;
  }
  line_ = line;
  Print(out_, absl::StrCat(kRewrite, line_));
}

void Progress::Note(const std::string& text) {
  if (line_.empty()) {
    Print(out_, text + "\n");
    return;
  }
  Print(out_, absl::StrCat(kRewrite, text, "\n", line_));
}

void Progress::Finish() {
  if (line_.empty()) return;
  line_.clear();
  Print(out_, "\n");
}

}  // namespace tatami
