// Files that the user named on the command line.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace tatami {

// Replaces what is at `path`. Error: E0602 with the reason of the system.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace tatami
