// A curve over chips - ours, a peer's or a model's - as a line of a file that `tatami
// bench` commands write and read. The one definition of the format; gpu_train.py writes
// the same.
//
// A file holds one record a line, each one JSON object:
//   kind        "tatami.scaling"
//   version     1
//   mode        "measured" or "modelled"
//   scaling     "strong": one batch, shared by more chips; "weak": a batch for each
//   chip model       as `tatami models` names it machine     {"name", "chip", "chips"}:
//   of what kind and how many there are batch       samples of a step: in all (strong),
//   for one chip (weak) precision   "f32" or "bf16" date        "2026-08-01" software
//   names and versions points      at least one, chips ascending:
//     {"chips", "step_s", "samples_per_s",
//      "efficiency", "efficiency_min", "efficiency_max",
//      "parts": {"compute_s", "exchange_s", "wait_s", "ingest_wait_s"}}
// Efficiency is that of n chips against the first point's m: m T_m / (n T_n) where
// scaling is strong, T_m / T_n where it is weak; a median with the least and the most
// of the repeated runs. "parts" is of one step on the slowest chip and may be left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

enum class ScalingMode : uint8_t { kMeasured, kModelled };
enum class Scaling : uint8_t { kStrong, kWeak };
absl::string_view Name(ScalingMode mode);
absl::string_view Name(Scaling scaling);

// Where the seconds of a step went.
struct StepParts {
  double compute_s = 0;
  double exchange_s = 0;     // packing, copies, sums
  double wait_s = 0;         // for other chips
  double ingest_wait_s = 0;  // for data; 0 where data are made up
  friend bool operator==(const StepParts&, const StepParts&) = default;
};

struct ScalingPoint {
  int64_t chips = 1;
  double step_s = 0, samples_per_s = 0;  // medians
  double efficiency = 1, efficiency_min = 1, efficiency_max = 1;
  std::optional<StepParts> parts;
  friend bool operator==(const ScalingPoint&, const ScalingPoint&) = default;
};

struct MachineDescription {
  std::string name;   // "host", "dojo_exapod", "gpu"
  std::string chip;   // "AMD EPYC 9V74", "NVIDIA H100"
  int64_t chips = 1;  // as many as it has
  friend bool operator==(const MachineDescription&,
                         const MachineDescription&) = default;
};

struct ScalingRecord {
  ScalingMode mode = ScalingMode::kMeasured;
  Scaling scaling = Scaling::kStrong;
  std::string model;
  MachineDescription machine;
  int64_t batch = 1;
  std::string precision;
  std::string date;
  std::string software;
  std::vector<ScalingPoint> points;
  friend bool operator==(const ScalingRecord&, const ScalingRecord&) = default;
};

// A line, without its end. Numbers keep all their digits.
std::string ToJsonLine(const ScalingRecord& record);

// Strict: E0402 naming `origin`, the line and the field, for text that is no such
// record, a key that is missing or unknown, or a number that cannot be.
absl::StatusOr<std::vector<ScalingRecord>> ParseScalingRecords(
    absl::string_view text, absl::string_view origin);
// E0401 when there is no such file.
absl::StatusOr<std::vector<ScalingRecord>> ReadScalingRecords(const std::string& path);

// This computer as a machine, and today, as records say it.
MachineDescription DescribeHost();
std::string TodayAsIsoDate();

}  // namespace tatami
