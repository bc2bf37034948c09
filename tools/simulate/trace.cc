#include "tools/simulate/trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "compiler/lower/memory.h"
#include "tools/simulate/simulation_text.h"

namespace tatami {
namespace {

constexpr int kExchangeTrack = 1, kComputeTrack = 2, kBindingTrack = 3;

nlohmann::json TrackName(int track, const std::string& name) {
  return {{"ph", "M"},
          {"pid", 1},
          {"tid", track},
          {"name", "thread_name"},
          {"args", {{"name", name}}}};
}

// Chrome counts microseconds.
nlohmann::json Event(const std::string& name, int track, double begin_ns, double ns) {
  return {{"ph", "X"},
          {"pid", 1},
          {"tid", track},
          {"name", name},
          {"ts", begin_ns / 1e3},
          {"dur", ns / 1e3}};
}

// Bytes alive at each tick, of the stage that has most then.
std::vector<int64_t> FullestByTick(const Program& program) {
  const int ticks = TicksOf(program).count;
  std::vector<int64_t> fullest(ticks, 0);
  for (int stage = 0; stage < program.stage_grid().count(); ++stage) {
    const std::vector<int64_t> alive = BytesByTick(program, ticks, stage);
    for (int t = 0; t < ticks; ++t) fullest[t] = std::max(fullest[t], alive[t]);
  }
  return fullest;
}

}  // namespace

std::string ChromeTrace(const Program& program, const StepTime& time) {
  nlohmann::json events = nlohmann::json::array();
  events.push_back({{"ph", "M"},
                    {"pid", 1},
                    {"name", "process_name"},
                    {"args",
                     {{"name", absl::StrCat(program.model, " on ", program.machine, " ",
                                            program.mesh.ToString(), ", modelled")}}}});
  events.push_back(TrackName(kExchangeTrack, "exchange"));
  events.push_back(TrackName(kComputeTrack, "compute"));
  events.push_back(TrackName(kBindingTrack, "bound by"));
  const std::vector<int64_t> alive = FullestByTick(program);
  std::vector<size_t> first_tick;  // of each superstep
  size_t tick = 0;
  for (const Superstep& superstep : program.supersteps) {
    first_tick.push_back(tick);
    tick += 1 + superstep.computes.size();
  }
  double now = 0;
  for (const PhaseTime& phase : time.phases) {
    const bool compute = phase.kind == PhaseKind::kCompute;
    nlohmann::json event =
        Event(PhaseName(program, phase), compute ? kComputeTrack : kExchangeTrack, now,
              phase.ns);
    nlohmann::json parts = nlohmann::json::object();
    double at = now;
    for (const ResourceTime& part : phase.parts) {
      if (part.ns <= 0) continue;
      parts[part.resource + " (ns)"] = part.ns;
      events.push_back(Event(part.resource, kBindingTrack, at, part.ns));
      at += part.ns;
    }
    event["args"] = {{"superstep", phase.superstep}, {"parts", std::move(parts)}};
    events.push_back(std::move(event));
    const size_t from = first_tick[phase.superstep] + (compute ? 1 : 0);
    events.push_back({{"ph", "C"},
                      {"pid", 1},
                      {"name", "SRAM of the fullest node class"},
                      {"ts", now / 1e3},
                      {"args", {{"KiB", alive[from] / 1024.0}}}});
    now += phase.ns;
  }
  return nlohmann::json{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}}
      .dump();
}

}  // namespace tatami
