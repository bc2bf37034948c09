#include "tools/tatami/remedies.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr size_t kFitMax = 4;
constexpr int kTriedMax = 6;
// So few remedies leave one plan for the host.
constexpr size_t kFew = 2;
// A batch this much above what proportion gives is still tried.
constexpr double kHope = 1.25;

struct Idea {
  TrainingChoice choice;
  std::vector<std::string> flags;
  std::string note;
};

// Doublings of the mesh's shorter side as far as the machine goes, the largest mesh
// last; then the same on the machines that have more nodes of no less SRAM.
std::vector<Idea> LargerMeshes(const TrainingChoice& base, double nodes_min) {
  std::vector<Idea> out;
  const auto add = [&](const MachineSpec& machine, const Mesh& mesh, bool other) {
    Idea idea{.choice = base, .flags = {}, .note = ""};
    idea.choice.model.machine = machine;
    idea.choice.model.mesh = mesh;
    idea.choice.model.pinned_plan.clear();
    if (other) {
      idea.choice.model.live.reset();
      idea.flags = {"--machine", machine.name};
    }
    idea.flags.insert(idea.flags.end(), {"--mesh", mesh.ToString()});
    out.push_back(std::move(idea));
  };
  const auto grow = [&](const MachineSpec& machine, bool other) {
    ModelChoice host = base.model;
    host.machine = machine;
    if (other) host.live.reset();
    const Mesh most = LargestMesh(host);
    Mesh mesh = base.model.mesh;
    while (true) {
      Mesh next = mesh;
      const bool rows =
          mesh.rows < most.rows && (mesh.rows <= mesh.cols || mesh.cols >= most.cols);
      (rows ? next.rows : next.cols) *= 2;
      next = {std::min(next.rows, most.rows), std::min(next.cols, most.cols)};
      if (next.nodes() <= mesh.nodes()) return;
      mesh = next;
      if (static_cast<double>(mesh.nodes()) < nodes_min) continue;
      host.mesh = mesh;
      if (CheckMesh(host).ok()) add(machine, mesh, other);
    }
  };
  grow(base.model.machine, false);
  if (!out.empty() || base.model.machine.name == "host") return out;
  for (const std::string& name : MachineNames()) {
    const auto machine = LoadMachine(name);
    if (machine.ok() && !machine->baseline && name != "host" &&
        name != base.model.machine.name &&
        machine->sram_bytes >= base.model.machine.sram_bytes) {
      grow(*machine, true);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Idea& a, const Idea& b) {
    return a.choice.model.mesh.nodes() < b.choice.model.mesh.nodes();
  });
  return out;
}

// How much of what is no state, nor code, is worth a try: what a node's memory has room
// for, and some more.
double HopefulShare(const TrainingChoice& base, const SramOverflow& overflow) {
  const int64_t kept = overflow.state_bytes + base.model.machine.code_bytes_reserved;
  return kHope * static_cast<double>(overflow.available_bytes - kept) /
         static_cast<double>(overflow.needed_bytes - kept);
}

// All but the state in half the bytes, where that could be enough.
std::vector<Idea> NarrowerStorage(const TrainingChoice& base, double share) {
  if (base.model.precision == Precision::kBF16 || share < 0.5) return {};
  Idea idea{.choice = base,
            .flags = {"--precision", "bf16"},
            .note = "activations rounded to 8 bits; weights stay f32"};
  idea.choice.model.precision = Precision::kBF16;
  return {std::move(idea)};
}

// The batch as it is, taken in more and smaller parts.
std::vector<Idea> MoreMicroBatches(const TrainingChoice& base, int64_t samples_max) {
  std::vector<Idea> out;
  const int64_t batch = base.model.batch;
  for (int64_t parts = 2 * base.model.micro_batches; parts <= batch; parts *= 2) {
    if (batch % parts != 0) break;
    if (batch / parts > samples_max) continue;
    Idea idea{.choice = base,
              .flags = {"--micro_batches", absl::StrCat(parts)},
              .note =
                  "same values up to the order of sums, but batch norm sees a part at "
                  "a time"};
    idea.choice.model.micro_batches = parts;
    out.push_back(std::move(idea));
  }
  return out;
}

// Halvings of the batch.
std::vector<Idea> SmallerBatches(const TrainingChoice& base, int64_t samples_max) {
  std::vector<Idea> out;
  const int64_t parts = base.model.micro_batches;
  for (int64_t batch = base.model.batch / 2; batch >= parts; batch /= 2) {
    if (batch % parts != 0 || batch / parts > samples_max) continue;
    Idea idea{.choice = base,
              .flags = {"--batch", absl::StrCat(batch)},
              .note = "learning rate and steps may have to follow"};
    idea.choice.model.batch = batch;
    out.push_back(std::move(idea));
  }
  return out;
}

class Search {
 public:
  Search(int tried_max, const TrainingChoice& base)
      : tried_max_(tried_max),
        pinned_(!base.model.pinned_plan.empty()),
        damaged_(base.model.live.has_value()) {}

  void set_tried_max(int tried_max) { tried_max_ = tried_max; }
  bool done() const { return out_.fit.size() == kFitMax || out_.tried >= tried_max_; }
  // True when it fits.
  absl::StatusOr<bool> Try(const Idea& idea) {
    ++out_.tried;
    TATAMI_ASSIGN_OR_RETURN(const Attempt attempt, TryTraining(idea.choice));
    if (attempt.fits) {
      out_.fit.push_back(
          {.flags = idea.flags,
           .without_plan = pinned_ && idea.choice.model.pinned_plan.empty(),
           .without_dead = damaged_ && !idea.choice.model.live,
           .note = idea.note,
           .attempt = attempt});
    }
    return attempt.fits;
  }
  // Ideas of each list in order, the lists in turn; a list ends with its first success.
  absl::Status TryInTurn(std::vector<std::vector<Idea>> lists) {
    for (size_t i = 0; !done(); ++i) {
      bool any = false;
      for (std::vector<Idea>& list : lists) {
        if (i >= list.size() || done()) continue;
        any = true;
        TATAMI_ASSIGN_OR_RETURN(const bool fits, Try(list[i]));
        if (fits) list.clear();
      }
      if (!any) break;
    }
    return absl::OkStatus();
  }
  Remedies Take() { return std::move(out_); }
  size_t fit() const { return out_.fit.size(); }

 private:
  int tried_max_;
  const bool pinned_;   // a plan file was given
  const bool damaged_;  // so was a map
  Remedies out_;
};

}  // namespace

absl::StatusOr<Remedies> FindRemedies(const TrainingChoice& choice,
                                      const absl::Status& refusal) {
  const SramOverflow overflow = *GetSramOverflow(refusal);
  TrainingChoice base = choice;
  base.model.explained = false;
  const bool host_helps = base.model.machine.name != "host";
  Search search(host_helps ? kTriedMax - 1 : kTriedMax, base);
  std::vector<Idea> once;
  if (!base.model.pinned_plan.empty()) {
    once.push_back({.choice = base, .flags = {}, .note = ""});
    once.back().choice.model.pinned_plan.clear();
  }
  // sgd keeps one moment a weight where adamw keeps two.
  const int64_t over = overflow.needed_bytes - overflow.available_bytes;
  if (base.optimizer.name == "adamw" && overflow.state_bytes / 3 >= over) {
    once.push_back({.choice = base,
                    .flags = {"--optimizer", "sgd"},
                    .note = "another optimizer, with a learning rate of its own"});
    once.back().choice.optimizer.name = "sgd";
  }
  if (base.model.stages.nodes() > 1) {
    once.push_back({.choice = base,
                    .flags = {"--stages", "1x1"},
                    .note = "one micro-batch at a time on the whole mesh"});
    once.back().choice.model.stages = {1, 1};
    once.back().choice.model.pinned_plan.clear();
  }
  for (const Idea& idea : once) {
    TATAMI_RETURN_IF_ERROR(search.Try(idea).status());
  }
  // Memory of a node falls at most as its share of the tensors does.
  const double nodes_min = static_cast<double>(base.model.mesh.nodes()) *
                           static_cast<double>(overflow.needed_bytes) /
                           static_cast<double>(overflow.available_bytes);
  const double share = HopefulShare(base, overflow);
  const auto samples = static_cast<double>(base.model.batch / base.model.micro_batches);
  const int64_t samples_max =
      std::max<int64_t>(1, static_cast<int64_t>(share * samples));
  TATAMI_RETURN_IF_ERROR(search.TryInTurn(
      {LargerMeshes(base, nodes_min), NarrowerStorage(base, share),
       MoreMicroBatches(base, samples_max), SmallerBatches(base, samples_max)}));
  if (host_helps && search.fit() < kFew) {
    search.set_tried_max(kTriedMax);
    Idea idea{.choice = base,
              .flags = {"--machine", "host", "--mesh", "1x1"},
              .note = "ordinary training on one core"};
    if (base.model.stages.nodes() > 1) {
      idea.flags.insert(idea.flags.end(), {"--stages", "1x1"});
    }
    idea.choice.model.stages = {1, 1};
    TATAMI_ASSIGN_OR_RETURN(idea.choice.model.machine, LoadMachine("host"));
    idea.choice.model.mesh = {1, 1};
    idea.choice.model.live.reset();
    idea.choice.model.pinned_plan.clear();
    TATAMI_RETURN_IF_ERROR(search.Try(idea).status());
  }
  return search.Take();
}

absl::Status WithRemedies(const absl::Status& refusal, const Remedies& remedies) {
  std::string text;
  if (remedies.fit.empty()) {
    text = absl::StrCat("Planned anew with ", remedies.tried,
                        " other choices of batch, mesh and machine: none fits.\n");
  } else {
    text = absl::StrCat("Planned anew for you (", remedies.tried, " tried, ",
                        remedies.fit.size(), " fit; times are modelled):\n");
  }
  std::vector<std::string> words;
  size_t width = 0;
  for (const Remedy& remedy : remedies.fit) {
    words.push_back(absl::StrJoin(remedy.flags, " "));
    const auto leave_out = [&](absl::string_view flag) {
      absl::StrAppend(&words.back(), words.back().empty() ? "" : " ", "without ", flag);
    };
    if (remedy.without_plan) leave_out("--plan");
    if (remedy.without_dead) leave_out("--dead");
    width = std::max(width, words.back().size());
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const Remedy& remedy = remedies.fit[i];
    absl::StrAppendFormat(&text, "  %-*s  peak %.1f KiB, step %.1f us%s%s\n", width,
                          words[i], remedy.attempt.peak_bytes / 1024.0,
                          remedy.attempt.step_ns / 1e3, remedy.note.empty() ? "" : "; ",
                          remedy.note);
  }
  std::string message(refusal.message());
  message.insert(message.rfind('\n') + 1, text);
  absl::Status out(refusal.code(), message);
  refusal.ForEachPayload([&](absl::string_view url, const absl::Cord& cord) {
    out.SetPayload(url, cord);
  });
  return out;
}

absl::StatusOr<Compiled> CompileOrAdvise(const TrainingChoice& choice,
                                         Remedies* found) {
  absl::StatusOr<Compiled> compiled = CompileTraining(choice.model, choice.optimizer);
  if (!GetSramOverflow(compiled.status())) return compiled;
  TATAMI_ASSIGN_OR_RETURN(Remedies remedies, FindRemedies(choice, compiled.status()));
  const absl::Status advice = WithRemedies(compiled.status(), remedies);
  if (found != nullptr) *found = std::move(remedies);
  return advice;
}

}  // namespace tatami
