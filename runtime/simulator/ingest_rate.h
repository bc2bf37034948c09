// Whether data can follow: bytes from hosts through the interface cards to the mesh,
// and how much of a stated video load a machine trains on.
#pragma once

#include <cstdint>

#include "core/machine.h"
#include "core/program.h"

namespace tatami {

struct IngestRate {
  int64_t bytes_per_step = 0;     // of all inputs, each byte once
  double wanted_bytes_per_s = 0;  // to keep up with the step
  double cards_bytes_per_s = 0;   // that hosts can bring to all cards; 0: no cards
  double wait_ns = 0;             // of each step for the next batch, when pipelined

  // The part of the cards' rate that the step wants.
  double share() const {
    return cards_bytes_per_s > 0 ? wanted_bytes_per_s / cards_bytes_per_s : 0;
  }
};
// Cards are filled by their hosts and by the network, at the faster of the two each.
IngestRate IngestOf(const Program& program, const MachineSpec& machine, double step_ns);

// A stream of video, of which a share is trained on.
struct VideoLoad {
  double frames_per_day = 0;
  double selected = 1;            // share, in (0, 1]
  double decoded_per_host_s = 0;  // frames a second that one host decodes
};
struct VideoNeeds {
  double frames_per_s = 0;  // selected
  double machines = 0;      // of those simulated, to train on all of them once
  double hosts = 0;         // to decode them
};
VideoNeeds NeedsOf(const VideoLoad& load, double frames_per_step, double step_ns);

}  // namespace tatami
