#include "runtime/simulator/ingest_rate.h"

#include <algorithm>

namespace tatami {

IngestRate IngestOf(const Program& program, const MachineSpec& machine,
                    double step_ns) {
  IngestRate out;
  for (const ProgramFeed& feed : program.feeds) {
    out.bytes_per_step += program.buffers[feed.buffer].type.bytes();
  }
  const auto bytes = static_cast<double>(out.bytes_per_step);
  out.wanted_bytes_per_s = step_ns > 0 ? bytes / (step_ns * 1e-9) : 0;
  const DramSpec& dram = machine.dram;
  out.cards_bytes_per_s = std::max(dram.ethernet_bytes_per_s, dram.pcie_bytes_per_s) *
                          static_cast<double>(dram.cards);
  if (out.cards_bytes_per_s > 0) {
    out.wait_ns = std::max(0.0, bytes / out.cards_bytes_per_s * 1e9 - step_ns);
  }
  return out;
}

VideoNeeds NeedsOf(const VideoLoad& load, double frames_per_step, double step_ns) {
  constexpr double kSecondsPerDay = 86400;
  VideoNeeds needs;
  needs.frames_per_s = load.frames_per_day * load.selected / kSecondsPerDay;
  needs.machines = needs.frames_per_s / (frames_per_step / (step_ns * 1e-9));
  needs.hosts = needs.frames_per_s / load.decoded_per_host_s;
  return needs;
}

}  // namespace tatami
