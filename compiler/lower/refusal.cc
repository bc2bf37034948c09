#include "compiler/lower/refusal.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/lower/memory.h"
#include "compiler/transfers.h"
#include "core/error.h"

namespace tatami {
namespace {

constexpr size_t kListed = 8;  // tensors, of a set that is larger

std::string Kib(int64_t bytes) { return absl::StrFormat("%.1f KiB", bytes / 1024.0); }

enum Kind { kWeights, kOtherState, kActivation, kGradient, kStaging, kKinds };
constexpr const char* kKindNames[] = {"weights", "moments and statistics",
                                      "kept activations", "gradients",
                                      "staging and inputs"};

// A storage that is alive at the fullest tick.
struct Alive {
  int64_t bytes = 0;
  int buffer = -1;  // the one that lies there then
  Kind kind = kActivation;
};

class Refusal {
 public:
  Refusal(const Program& program, const Graph& graph)
      : program_(program),
        ticks_(TicksOf(program)),
        origins_(OriginsOf(program)),
        worst_(*std::max_element(
            program.classes.begin(), program.classes.end(),
            [](const auto& a, const auto& b) { return a.peak_bytes < b.peak_bytes; })) {
    for (const GraphCall& call : graph.calls) source_of_[call.name] = call.source;
    for (const ProgramState& state : program.states) {
      trainable_[state.name] = state.trainable;
    }
    FindPeak();
    FindAlive();
  }

  absl::Status Run() {
    Head();
    Totals();
    Together();
    int64_t nodes_over = 0;
    for (const NodeClass& c : program_.classes) {
      if (c.peak_bytes > program_.sram_bytes) nodes_over += c.nodes;
    }
    absl::StrAppend(&message_, "  ", nodes_over, " of ", program_.mesh.nodes(),
                    " nodes are over.\nMeaning and further remedies: "
                    "docs/errors/E0301.md");
    absl::Status status = MakeError(ErrorCode::kDoesNotFit, message_);
    AttachSramOverflow({.row = worst_.example.row,
                        .col = worst_.example.col,
                        .superstep = SuperstepOfPeak(),
                        .needed_bytes = worst_.peak_bytes,
                        .available_bytes = program_.sram_bytes,
                        .state_bytes = of_kind_[kWeights] + of_kind_[kOtherState]},
                       status);
    return status;
  }

 private:
  bool LivesAt(size_t storage, int tick) const {
    const auto& [first, last] = program_.storage_lifetime[storage];
    return first <= tick && tick <= last;
  }

  void FindPeak() {
    int64_t most = -1;
    for (int tick = 0; tick < ticks_.count; ++tick) {
      int64_t sum = 0;
      for (size_t s = 0; s < worst_.storage_bytes.size(); ++s) {
        if (LivesAt(s, tick)) sum += worst_.storage_bytes[s];
      }
      if (sum > most) most = sum, peak_tick_ = tick;
    }
  }

  // The largest first. Of the buffers that share a storage, the one alive at the peak.
  void FindAlive() {
    std::vector<int> buffer_of(worst_.storage_bytes.size(), -1);
    for (size_t b = 0; b < program_.buffers.size(); ++b) {
      const ProgramBuffer& buffer = program_.buffers[b];
      if (buffer.storage < 0 || !LivesAt(buffer.storage, peak_tick_)) continue;
      int& known = buffer_of[buffer.storage];
      const auto& [first, last] = ticks_.buffer[b];
      const bool now = first <= peak_tick_ && peak_tick_ <= last;
      if (known < 0 || (now && !program_.buffers[known].persistent)) {
        known = static_cast<int>(b);
      }
    }
    for (size_t s = 0; s < buffer_of.size(); ++s) {
      if (buffer_of[s] < 0) continue;
      alive_.push_back({worst_.storage_bytes[s], buffer_of[s], KindOf(buffer_of[s])});
      of_kind_[alive_.back().kind] += alive_.back().bytes;
    }
    std::stable_sort(alive_.begin(), alive_.end(),
                     [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  }

  Kind KindOf(int buffer) const {
    const BufferOrigin& origin = origins_[buffer];
    if (program_.buffers[buffer].persistent) {
      return trainable_.at(origin.name) ? kWeights : kOtherState;
    }
    if (origin.staged || origin.kind == BufferOrigin::kInput) return kStaging;
    // "d_" prefixes a gradient, and the scope of the calls that make it.
    const bool gradient =
        absl::StartsWith(origin.name, "d_") || absl::StrContains(origin.name, ".d_");
    return gradient ? kGradient : kActivation;
  }

  void Head() {
    const int64_t over = worst_.peak_bytes - program_.sram_bytes;
    message_ = absl::StrCat(
        "'", program_.model, "' does not fit. Node (", worst_.example.row, ",",
        worst_.example.col, ") needs ", Kib(worst_.peak_bytes), " at ",
        ticks_.names[peak_tick_], " (tick ", peak_tick_, " of ", ticks_.count,
        ") and has ", Kib(program_.sram_bytes), ": ", Kib(over), " (",
        absl::StrFormat("%.1f", 100.0 * over / program_.sram_bytes), " %) too much.\n");
  }

  void Line(int64_t bytes, absl::string_view text) {
    absl::StrAppend(&message_, "  ", absl::StrFormat("%-12s", Kib(bytes)), " ", text,
                    "\n");
  }

  void Totals() {
    Line(program_.code_bytes, "code");
    int64_t sum = program_.code_bytes;
    for (int k = 0; k < kKinds; ++k) {
      if (of_kind_[k] > 0) Line(of_kind_[k], kKindNames[k]);
      sum += of_kind_[k];
    }
    if (worst_.peak_bytes > sum) {
      Line(worst_.peak_bytes - sum, "between tensors, where none fits");
    }
  }

  // The fewest tensors whose bytes alone exceed what code leaves.
  void Together() {
    const int64_t room = program_.sram_bytes - program_.code_bytes;
    int64_t sum = 0;
    size_t count = 0;
    while (count < alive_.size() && sum <= room) sum += alive_[count++].bytes;
    if (sum <= room) {
      absl::StrAppend(&message_, "All fit in ", Kib(room),
                      " together, but not at addresses that stay.\n");
      return;
    }
    absl::StrAppend(
        &message_, count == 1 ? "This one alone exceeds" : "These alone exceed",
        " the ", Kib(room), " beside code",
        count == 1 ? "" : absl::StrCat(", ", count, " tensors of ", Kib(sum)),
        count > kListed ? absl::StrCat(", a long list, of which the largest ", kListed)
                        : "",
        ":\n");
    for (size_t i = 0; i < count && i < kListed; ++i) Tensor(alive_[i]);
  }

  void Tensor(const Alive& alive) {
    const ProgramBuffer& b = program_.buffers[alive.buffer];
    const BufferOrigin& origin = origins_[alive.buffer];
    const auto& [first, last] = program_.storage_lifetime[b.storage];
    const auto source = source_of_.find(origin.name);
    Line(alive.bytes, absl::StrCat(b.name, " ", b.type.ToString(),
                                   source == source_of_.end() || source->second.empty()
                                       ? ""
                                       : absl::StrCat(" from ", source->second)));
    absl::StrAppend(&message_, "               ");
    if (b.persistent) {
      absl::StrAppend(&message_, "kept across steps\n");
    } else {
      absl::StrAppend(&message_, "ticks ", first, "-", last, ", ",
                      origin.kind == BufferOrigin::kInput ? "fed before " : "",
                      ticks_.names[first], " to ", ticks_.names[last], "\n");
    }
  }

  int SuperstepOfPeak() const {
    int superstep = 0, tick = 0;
    for (const Superstep& s : program_.supersteps) {
      tick += 1 + static_cast<int>(s.computes.size());
      if (peak_tick_ < tick) break;
      ++superstep;
    }
    return superstep;
  }

  const Program& program_;
  const Ticks ticks_;
  const std::vector<BufferOrigin> origins_;
  const NodeClass& worst_;
  std::map<std::string, std::string> source_of_;  // by call
  std::map<std::string, bool> trainable_;         // by state
  int peak_tick_ = 0;
  std::vector<Alive> alive_;
  int64_t of_kind_[kKinds] = {};  // bytes at the peak
  std::string message_;
};

}  // namespace

absl::Status DoesNotFit(const Program& program, const Graph& graph) {
  return Refusal(program, graph).Run();
}

}  // namespace tatami
