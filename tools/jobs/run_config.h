// Configs of jobs as people write them, strictly: what is not a field is an error with
// the nearest name, and every value knows where it came from.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/jobs/proto/jobs.pb.h"

namespace tatami::jobs {

// A config and, for each value that is set, where it was set last.
struct ConfigSources {
  JobConfig config;
  std::vector<std::pair<std::string, std::string>> origins;  // "run.steps" -> "--set"
};

// Reads text-proto, or JSON when the first character is '{', over what is there.
// Errors: E0104 with source, line and column, and the nearest field.
absl::Status MergeConfigText(absl::string_view text, absl::string_view source,
                             ConfigSources& into);

// Sets one leaf, as "run.steps=200". Text needs no quotes and is taken as it is.
// Errors: E0104 for an unknown name, E0101 for a value that the field cannot hold.
absl::Status MergeSetting(absl::string_view assignment, absl::string_view source,
                          ConfigSources& into);

// "run.model", ...: what can be set.
std::vector<std::string> ConfigLeaves();

// One line a leaf, "run.steps: 200  (--set)", then the leaves that are not set.
std::string ExplainConfig(const ConfigSources& sources);

// The flags of `tatami train`, each one word "--name=value", in the order of the
// schema. No word passes through a shell.
std::vector<std::string> TrainFlags(const RunConfig& run);

// OK when the service can take it: model and data are named, the mesh can be read,
// numbers are in range. Errors: E0101.
absl::Status CheckConfig(const JobConfig& config);

// "8x16" -> {8, 16}. E0101 otherwise.
absl::StatusOr<std::pair<int32_t, int32_t>> ParseMeshSize(absl::string_view text);

}  // namespace tatami::jobs
