// `tatami bench collectives --against openmpi`: measured, where the command without it
// models.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tools/tatami/commands.h"

namespace tatami {

struct MeasuredCollectivesFlags {
  int np = 2, runs = 7;
  std::string bytes;  // "64KiB..16MiB", "4MiB"; "": the first
  bool json = false;
};
absl::Status RunMeasuredCollectives(const MeasuredCollectivesFlags& flags,
                                    CommandOutcome& outcome);

}  // namespace tatami
