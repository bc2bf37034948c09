// Machine text-protos to MachineSpec. The only place that sees protobuf's types.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/machine.h"

namespace tatami::internal_machine {

struct EmbeddedMachine {
  absl::string_view name;
  absl::string_view text;
};

// The files of core/machines, sorted by name. Defined in a generated source.
const std::vector<EmbeddedMachine>& EmbeddedMachines();

// Parses `text`, merges it over its base machines and checks that every number which a
// machine needs is there and in range. Fails with kUnknownField, or kUnknownMachine
// when the base is not compiled in. `overrides` are set last.
absl::StatusOr<MachineSpec> MachineFromText(absl::string_view text,
                                            absl::string_view source,
                                            const HostFacts& host,
                                            const MachineOverrides& overrides);

}  // namespace tatami::internal_machine
