// Who may include whom: the table of CONTRIBUTING.md as data.
#pragma once

#include "tests/style/rules.h"

namespace tatami::style {

// Includes of `file` that the table forbids: other folders of ours, libraries outside
// the folders that own them, and libraries that the table does not know.
Faults FindIncludeFaults(const SourceFile& file);

// Paths of the files that include mpi.h. There must be one.
std::vector<std::string> FilesThatIncludeMpi(const std::vector<SourceFile>& files);

}  // namespace tatami::style
