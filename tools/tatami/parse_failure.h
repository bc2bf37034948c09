// What the user reads when the command line cannot be parsed, and the ranges of flags.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "absl/status/status.h"

namespace tatami {

// E0101 for a failed CLI::App::parse: the word at fault, the nearest known name, and
// where the known ones are listed. `error` is what parse threw.
absl::Status ParseFailure(const CLI::App& app, const CLI::ParseError& error);

// A check for a number flag: refuses what is below `least` or not finite. Text that is
// no number is left to the conversion.
CLI::Validator AtLeast(double least);
CLI::Validator Above(double bound);

}  // namespace tatami
