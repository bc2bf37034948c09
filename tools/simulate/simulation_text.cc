#include "tools/simulate/simulation_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tatami {
namespace {

constexpr size_t kPhasesShown = 10;

std::string TimeText(double ns) {
  if (ns < 1e4) return absl::StrFormat("%.1f ns", ns);
  if (ns < 1e7) return absl::StrFormat("%.1f us", ns * 1e-3);
  return absl::StrFormat("%.2f ms", ns * 1e-6);
}

double Percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

int64_t TotalLinkBytes(const StepLoads& loads) {
  int64_t bytes = 0;
  for (const SuperstepLoads& s : loads.supersteps) {
    bytes +=
        std::accumulate(s.exchange.total.begin(), s.exchange.total.end(), int64_t{0});
  }
  return bytes;
}

// Of the longest phases, the first longest first.
std::vector<const PhaseTime*> LongestPhases(const StepTime& time) {
  std::vector<const PhaseTime*> phases;
  for (const PhaseTime& phase : time.phases) phases.push_back(&phase);
  std::stable_sort(phases.begin(), phases.end(),
                   [](const auto* a, const auto* b) { return a->ns > b->ns; });
  phases.resize(std::min(phases.size(), kPhasesShown));
  return phases;
}

std::string Shortened(std::string text, size_t most) {
  if (text.size() > most) text = text.substr(0, most - 2) + "..";
  return text;
}

std::string NumberText(double value) {
  return value >= 1e6 ? absl::StrFormat("%.4g", value) : absl::StrFormat("%g", value);
}

void AppendUnknowns(const Simulation& s, std::string& out) {
  if (s.unknowns.empty()) return;
  absl::StrAppend(&out, "not known of this machine: the step, if it were\n");
  for (const UnknownEffect& u : s.unknowns) {
    absl::StrAppend(&out,
                    absl::StrFormat("  %-23s %8s  %8s: %9s  %8s: %9s\n", u.field.field,
                                    NumberText(u.field.value), NumberText(u.field.low),
                                    TimeText(u.low_ns), NumberText(u.field.high),
                                    TimeText(u.high_ns)));
  }
}

void AppendIngest(const Program& program, const Simulation& s, const StepFacts& facts,
                  std::string& out) {
  const IngestRate ingest = IngestOf(program, s.machine, s.time.step_ns);
  absl::StrAppend(&out, absl::StrFormat("  inputs: %.2f MB a step, %.3g GB/s",
                                        ingest.bytes_per_step * 1e-6,
                                        ingest.wanted_bytes_per_s * 1e-9));
  if (ingest.cards_bytes_per_s > 0) {
    absl::StrAppend(&out,
                    absl::StrFormat("; cards take %.4g GB/s",  //
                                    ingest.cards_bytes_per_s * 1e-9));
    absl::StrAppend(
        &out, ingest.wait_ns > 0
                  ? absl::StrFormat("; each step waits\n  %s", TimeText(ingest.wait_ns))
                  : "");
  }
  absl::StrAppend(&out, "\n");
  if (!facts.video || facts.samples == 0) return;
  const VideoNeeds needs = NeedsOf(
      *facts.video, static_cast<double>(facts.samples * facts.frames_per_sample),
      s.time.step_ns);
  absl::StrAppend(
      &out, absl::StrFormat("  %.4g frames a day, %.3g %% of them trained on: %.4g "
                            "frames/s want\n  %.4g machines like this and %.4g hosts "
                            "that decode %.4g frames/s each\n",
                            facts.video->frames_per_day, 100 * facts.video->selected,
                            needs.frames_per_s, needs.machines, needs.hosts,
                            facts.video->decoded_per_host_s));
}

}  // namespace

std::string PhaseName(const Program& program, const PhaseTime& phase) {
  const Superstep& superstep = program.supersteps[phase.superstep];
  std::string name;
  size_t more = 0;
  if (phase.kind == PhaseKind::kCompute) {
    name = program.calls[superstep.computes.front().call].name;
    more = superstep.computes.size() - 1;
  } else if (!superstep.exchanges.empty()) {
    name = program.buffers[superstep.exchanges.front().to].name;
    more = superstep.exchanges.size() - 1;
  } else {
    name = "inputs";
  }
  return more == 0 ? name : absl::StrCat(name, " +", more);
}

std::string SimulationText(const Program& program, const Simulation& s,
                           const StepFacts& facts) {
  const StepTime& t = s.time;
  const int64_t samples = facts.samples;
  std::string out =
      absl::StrFormat("%s on %s %s: %s a step (modelled), mostly %s\n", program.model,
                      s.machine.name, program.mesh.ToString(), TimeText(t.step_ns),
                      t.attribution.empty() ? "nothing" : t.attribution[0].resource);
  absl::StrAppend(
      &out, absl::StrFormat("  %s to %s with all that is not known of the machine\n",
                            TimeText(s.fastest_ns), TimeText(s.slowest_ns)));
  if (samples > 0) {
    absl::StrAppend(&out, absl::StrFormat("  %d samples a step, %.0f samples/s\n",
                                          samples, samples / s.step_s()));
  }
  absl::StrAppend(
      &out,
      absl::StrFormat("  compute %s (%.1f %%), exchange %s (%.1f %%); no resource "
                      "allows\n  less than %s\n",
                      TimeText(t.compute_ns), Percent(t.compute_ns, t.step_ns),
                      TimeText(t.exchange_ns), Percent(t.exchange_ns, t.step_ns),
                      TimeText(t.bound_ns)),
      absl::StrFormat("  %.4g TFLOP a step, %.4g TFLOP/s, %.1f %% of the matrix "
                      "units' peak\n",
                      t.flops * 1e-12, t.flops * 1e-12 / s.step_s(),
                      100 * t.utilization),
      absl::StrFormat("  %.1f MiB over links; SRAM peak %.1f of %.1f KiB\n",
                      TotalLinkBytes(s.loads) / 1048576.0,
                      program.peak_bytes() / 1024.0, program.sram_bytes / 1024.0));
  AppendIngest(program, s, facts, out);
  absl::StrAppend(&out, "where the time goes\n");
  for (const ResourceTime& r : t.attribution) {
    absl::StrAppend(&out, absl::StrFormat("  %-26s %10s %6.1f %%\n", r.resource,
                                          TimeText(r.ns), Percent(r.ns, t.step_ns)));
  }
  absl::StrAppend(&out, "longest phases (superstep, what, bound by)\n");
  for (const PhaseTime* phase : LongestPhases(t)) {
    absl::StrAppend(
        &out,
        absl::StrFormat("  %4d %-8s %9s %5.1f %%  %-13s %s\n", phase->superstep,
                        phase->kind == PhaseKind::kCompute ? "compute" : "exchange",
                        TimeText(phase->ns), Percent(phase->ns, t.step_ns),
                        Shortened(phase->binding, 13),
                        Shortened(PhaseName(program, *phase), 32)));
  }
  AppendUnknowns(s, out);
  absl::StrAppend(&out, absl::StrFormat("simulated in %.2f s, %.0f MiB at most\n",
                                        s.wall_s, s.peak_rss_bytes / 1048576.0));
  return out;
}

nlohmann::json SimulationJson(const Program& program, const Simulation& s,
                              const StepFacts& facts) {
  const StepTime& t = s.time;
  const int64_t samples = facts.samples;
  nlohmann::json binding = nlohmann::json::array(), attribution = binding,
                 unknowns = binding;
  for (const PhaseTime* phase : LongestPhases(t)) {
    binding.push_back(
        {{"phase", PhaseName(program, *phase)},
         {"superstep", phase->superstep},
         {"kind", phase->kind == PhaseKind::kCompute ? "compute" : "exchange"},
         {"resource", phase->binding},
         {"ns", phase->ns},
         {"share", Percent(phase->ns, t.step_ns) / 100},
         {"next", phase->next},
         {"slack_ns", phase->slack_ns}});
  }
  for (const ResourceTime& r : t.attribution) {
    attribution.push_back({{"resource", r.resource},
                           {"ns", r.ns},
                           {"share", Percent(r.ns, t.step_ns) / 100}});
  }
  for (const UnknownEffect& u : s.unknowns) {
    unknowns.push_back({{"field", u.field.field},
                        {"value", u.field.value},
                        {"low", u.field.low},
                        {"high", u.field.high},
                        {"source", u.field.source},
                        {"low_step_ns", u.low_ns},
                        {"high_step_ns", u.high_ns}});
  }
  nlohmann::json object = {{"model", program.model},
                           {"machine", s.machine.name},
                           {"mesh", program.mesh.ToString()},
                           {"step_ns", t.step_ns},
                           {"fastest_ns", s.fastest_ns},
                           {"slowest_ns", s.slowest_ns},
                           {"bound_ns", t.bound_ns},
                           {"compute_ns", t.compute_ns},
                           {"exchange_ns", t.exchange_ns},
                           {"utilization", t.utilization},
                           {"flops", t.flops},
                           {"binding", std::move(binding)},
                           {"attribution", std::move(attribution)},
                           {"unknowns", std::move(unknowns)},
                           {"link_bytes", TotalLinkBytes(s.loads)},
                           {"program_hash", program.Hash()},
                           {"wall_s", s.wall_s},
                           {"peak_rss_bytes", s.peak_rss_bytes}};
  const IngestRate ingest = IngestOf(program, s.machine, t.step_ns);
  object["ingest"] = {{"bytes_per_step", ingest.bytes_per_step},
                      {"wanted_bytes_per_s", ingest.wanted_bytes_per_s},
                      {"cards_bytes_per_s", ingest.cards_bytes_per_s},
                      {"wait_ns", ingest.wait_ns}};
  if (facts.video && samples > 0) {
    const VideoNeeds needs =
        NeedsOf(*facts.video, static_cast<double>(samples * facts.frames_per_sample),
                t.step_ns);
    object["video"] = {{"frames_per_s", needs.frames_per_s},
                       {"machines", needs.machines},
                       {"hosts", needs.hosts}};
  }
  if (samples > 0) {
    object["samples"] = samples;
    object["samples_per_s"] = samples / s.step_s();
  }
  return object;
}

}  // namespace tatami
