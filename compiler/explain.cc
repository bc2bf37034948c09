#include "compiler/explain.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "compiler/transfers.h"
#include "core/error.h"

namespace tatami {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kAlternatives = 2;  // of ExplainPlan

std::string Time(double ns) {
  if (std::abs(ns) < 9.95) return absl::StrFormat("%.1f ns", ns);
  if (std::abs(ns) < 9999.5) return absl::StrFormat("%.0f ns", ns);
  if (std::abs(ns) < 9999.5e3) return absl::StrFormat("%.1f us", ns / 1e3);
  return absl::StrFormat("%.1f ms", ns / 1e6);
}

std::string Size(int64_t bytes) {
  return bytes < 1024 ? absl::StrCat(bytes, " B")
                      : absl::StrFormat("%.1f KiB", bytes / 1024.0);
}

double Percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

// `head`, then the words of `text`, in lines that begin under the end of `head`.
void AppendWrapped(std::string& out, const std::string& head, absl::string_view text) {
  std::string line = head;
  bool fresh = true;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!fresh && line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&out, line, "\n");
      line.assign(head.size(), ' ');
      fresh = true;
    }
    absl::StrAppend(&line, fresh ? "" : " ", word);
    fresh = false;
  }
  absl::StrAppend(&out, line, "\n");
}

std::string CutOf(const PlanChoice& choice, const Mesh& mesh) {
  CallPlan cuts = choice.plan;
  cuts.stage.reset();  // all choices have the same
  const std::string text = cuts.ToString(mesh);
  return choice.plan.cuts.empty() ? absl::StrCat("uncut", text.empty() ? "" : " ", text)
                                  : text;
}

// What the larger part of a difference comes from.
std::string Reason(const PlanChoice& other, const PlanChoice& chosen) {
  if (!other.fits()) {
    return absl::StrCat("does not fit, ", Size(other.over_bytes), " too much");
  }
  const double transfer =
      other.brought_ns + other.taken_ns - chosen.brought_ns - chosen.taken_ns;
  const double arithmetic = other.compute_ns - chosen.compute_ns;
  const double combining = other.combine_ns - chosen.combine_ns;
  const double most = std::max({transfer, arithmetic, combining});
  const int64_t memory = other.peak_bytes - chosen.peak_bytes;
  if (other.ns() - chosen.ns() <= 1e-9 * chosen.ns()) {
    return memory > 0 ? absl::StrCat("as fast, with ", Size(memory), " more memory")
                      : "as fast";
  }
  const bool again =
      other.plan.recompute.value_or(false) && !chosen.plan.recompute.value_or(false);
  std::string out = most == transfer    ? "more transfer"
                    : most == combining ? "more terms to combine"
                    : again             ? "arithmetic done twice"
                                        : "slower arithmetic";
  if (memory > 0) absl::StrAppend(&out, ", ", Size(memory), " more memory");
  return out;
}

class Explainer {
 public:
  explicit Explainer(const Compiled& c)
      : c_(c), mesh_(c.program.stage_mesh()), transfers_(TransfersOf(c.program)) {
    for (size_t i = 0; i < c.program.calls.size(); ++i) {
      program_call_[c.program.calls[i].name] = i;
    }
  }

  std::string Plan() {
    AppendWrapped(
        out_, "",
        absl::StrCat(
            c_.graph.calls.size(), " calls on mesh ", c_.program.mesh.ToString(),
            c_.program.HasStages()
                ? absl::StrCat(" in ", c_.program.stages.ToString(), " stages")
                : "",
            ". Times are modelled; a difference ",
            c_.program.HasStages() ? "is what its stage in the " : "is what the ",
            "step of ", Time(c_.step_ns), " gains when this call alone is made so."));
    for (size_t c = 0; c < c_.graph.calls.size(); ++c) {
      Head(c);
      const std::vector<const PlanChoice*> others = Others(c);
      size_t shown = 0;
      for (const PlanChoice* other : others) {
        // Of those that are faster but do not fit, the fastest; of the rest, the best.
        const bool fastest = other == others.front();
        if (!other->fits() ? !fastest : shown == kAlternatives) continue;
        if (other->fits()) ++shown;
        Alternative(*other, Chosen(c));
      }
    }
    AppendTransfers("\nend of the step\n", transfers_.at_end);
    return std::move(out_);
  }

  std::string Call(size_t c) {
    Head(c);
    Rule(c);
    const std::vector<const PlanChoice*> others = Others(c);
    absl::StrAppend(
        &out_,
        "\nall that the search considered, the other calls as planned "
        "(* chosen, - unfit)\n",
        absl::StrFormat("  %8s %9s %9s %9s %9s %9s  cut\n", "time", "compute",
                        "combine", "brought", "taken", "peak KiB"));
    Row(Chosen(c));
    for (const PlanChoice* other : others) Row(*other);
    return std::move(out_);
  }

 private:
  const PlanChoice& Chosen(size_t c) const {
    return *std::find_if(c_.choices[c].begin(), c_.choices[c].end(),
                         [](const PlanChoice& choice) { return choice.chosen; });
  }

  // The fastest first.
  std::vector<const PlanChoice*> Others(size_t c) const {
    std::vector<const PlanChoice*> out;
    for (const PlanChoice& choice : c_.choices[c]) {
      if (!choice.chosen) out.push_back(&choice);
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto* a, const auto* b) { return a->ns() < b->ns(); });
    return out;
  }

  void Head(size_t c) {
    const GraphCall& call = c_.graph.calls[c];
    const PlanChoice& chosen = Chosen(c);
    absl::StrAppend(&out_, "\n");
    AppendWrapped(
        out_, "",
        absl::StrCat(call.name, " ", c_.graph.values[call.out].type.ToString(),
                     call.source.empty() ? "" : " ", call.source));
    AppendWrapped(out_, "  cut     ", CutOf(chosen, mesh_));
    if (c_.program.HasStages()) Stage(call.name);
    const double ns = chosen.compute_ns + chosen.combine_ns + chosen.brought_ns;
    AppendWrapped(
        out_, "  time    ",
        absl::StrFormat(
            "%s, %.1f %% of the step: compute %.0f %%, combine %.0f %%, transfers "
            "%.0f %%",
            Time(ns), Percent(ns, c_.step_ns), Percent(chosen.compute_ns, ns),
            Percent(chosen.combine_ns, ns), Percent(chosen.brought_ns, ns)));
    AppendCallTransfers(call.name, "");
    AppendCallTransfers(call.name + ".again", " (for the second run)");
  }

  void Stage(const std::string& call) {
    const int stage = *c_.plan.calls.at(call).stage;
    const NodeCoord first = c_.program.stage_grid().Origin(stage);
    AppendWrapped(
        out_, "  stage   ",
        absl::StrCat(stage, ", nodes (", first.row, ",", first.col, ") to (",
                     first.row + mesh_.rows - 1, ",", first.col + mesh_.cols - 1, ")"));
  }

  void AppendCallTransfers(const std::string& name, absl::string_view note) {
    const auto at = program_call_.find(name);
    if (at == program_call_.end()) return;
    for (const Transfer& t : transfers_.of_call[at->second]) Brought(t, note);
  }

  void AppendTransfers(absl::string_view head, const std::vector<Transfer>& transfers) {
    if (transfers.empty()) return;
    absl::StrAppend(&out_, head);
    for (const Transfer& t : transfers) Brought(t, "");
  }

  void Brought(const Transfer& t, absl::string_view note) {
    const absl::string_view kind = t.from.kind == BufferOrigin::kState   ? "state "
                                   : t.from.kind == BufferOrigin::kInput ? "input "
                                                                         : "";
    AppendWrapped(
        out_, t.combines ? "  combine " : "  bring   ",
        absl::StrCat(
            t.combines ? "its terms" : absl::StrCat(kind, t.from.name), ", ",
            Size(t.bytes_max), " on the fullest node",
            t.exchanges > 1 ? absl::StrCat(", in ", t.exchanges, " exchanges") : "",
            note));
  }

  std::string Difference(const PlanChoice& other, const PlanChoice& chosen) const {
    const double ns = other.ns() - chosen.ns();
    return absl::StrFormat("%s%s (%+.2f %%)", ns < 0 ? "" : "+", Time(ns),
                           Percent(ns, c_.step_ns));
  }

  void Alternative(const PlanChoice& other, const PlanChoice& chosen) {
    AppendWrapped(out_, "  or      ",
                  absl::StrCat(CutOf(other, mesh_), ": ", Difference(other, chosen),
                               ", ", Reason(other, chosen)));
  }

  void Row(const PlanChoice& choice) {
    AppendWrapped(out_,
                  absl::StrFormat("%s %8s %9s %9s %9s %9s %9.1f  ",
                                  choice.chosen   ? "*"
                                  : choice.fits() ? " "
                                                  : "-",
                                  Time(choice.ns()), Time(choice.compute_ns),
                                  Time(choice.combine_ns), Time(choice.brought_ns),
                                  Time(choice.taken_ns), choice.peak_bytes / 1024.0),
                  CutOf(choice, mesh_));
  }

  // The op's rule: what each factor may be, and what each input needs of it.
  void Rule(size_t c) {
    const OpCall call = c_.graph.CallOf(static_cast<int>(c));
    const IndexRule rule = (*call.op->rule)(call);
    absl::StrAppend(&out_, "\n");
    AppendWrapped(out_, "  op      ",
                  absl::StrCat(*call.op->name, ": ", *call.op->summary));
    AppendWrapped(out_, "  rule    ", rule.ToString());
    for (const Factor& f : rule.factors) {
      AppendWrapped(out_, "          ", FactorWords(f, rule.combine));
    }
    for (size_t i = 0; i < rule.inputs.size(); ++i) {
      AppendWrapped(out_, "          ",
                    absl::StrCat(c_.graph.values[c_.graph.calls[c].in[i]].name, " ",
                                 call.in[i].ToString(), ": ",
                                 OperandWords(rule.inputs[i], rule)));
    }
  }

  static std::string FactorWords(const Factor& f, Combine combine) {
    const std::string head = absl::StrCat(f.name, " of ", f.size, ": ");
    switch (f.kind) {
      case FactorKind::kParallel:
        return head + "may be cut; a part makes its own part of the result";
      case FactorKind::kReduce:
        return absl::StrCat(
            head, "may be cut; a part makes terms, ",
            combine == Combine::kSum ? "added up" : "of which the largest counts");
      case FactorKind::kWhole:
        return head + "may not be cut";
    }
    return head;
  }

  static std::string OperandWords(const OperandRule& operand, const IndexRule& rule) {
    if (operand.empty()) return "one number, needed by all";
    std::string out;
    for (size_t d = 0; d < operand.size(); ++d) {
      absl::StrAppend(&out, d == 0 ? "" : "; ", "dim ", d, " ");
      if (operand[d].factor == kWholeDim) {
        absl::StrAppend(&out, "whole");
      } else {
        absl::StrAppend(&out, "follows ", rule.factors[operand[d].factor].name,
                        operand[d].map.IsIdentity() ? "" : " through a window");
      }
    }
    return out;
  }

  const Compiled& c_;
  const Mesh mesh_;
  const ProgramTransfers transfers_;
  std::map<std::string, size_t> program_call_;
  std::string out_;
};

}  // namespace

std::string ExplainPlan(const Compiled& compiled) { return Explainer(compiled).Plan(); }

absl::StatusOr<std::string> ExplainCall(const Compiled& compiled,
                                        absl::string_view call) {
  std::vector<std::string> names;
  for (size_t c = 0; c < compiled.graph.calls.size(); ++c) {
    names.push_back(compiled.graph.calls[c].name);
    if (names.back() == call) return Explainer(compiled).Call(c);
  }
  const std::string nearest = NearestName(call, names);
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("--explain: no call '", call, "' in '",
                                compiled.graph.name, "'", nearest.empty() ? "." : "; ",
                                nearest, " --explain alone lists all of them."));
}

}  // namespace tatami
