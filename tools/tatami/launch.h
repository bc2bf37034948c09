// Starting one's own mpirun, and finding the other ranks under it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/transport.h"

namespace tatami {

// The words of this process's command line.
std::vector<std::string> OwnCommandLine();

// What becomes of a first SIGTERM of this process; a second goes to the program as it
// is.
enum class TermSignal {
  kPassOn,
  kAsUsr1,  // mpirun ends its ranks at SIGTERM but passes SIGUSR1 on to them
};

// Starts a program, its output as this one's, and waits for its end: its exit code, or
// 128 + the signal that ended it. E0603 when it cannot start, with what it was for and
// what to do then.
absl::StatusOr<int> RunToItsEnd(std::vector<std::string> words,
                                absl::string_view purpose, absl::string_view remedy,
                                TermSignal term = TermSignal::kPassOn);

// `ranks` copies of `command` under mpirun, as words; lets root start it.
std::vector<std::string> UnderMpirun(int ranks, int threads,
                                     std::vector<std::string> command);

// Runs mpirun with `ranks` copies of this process and waits for it. Returns the exit
// code of the ranks, which have then told what there was to tell. E0603 when mpirun
// cannot start or a rank was ended by a signal. With kAsUsr1 the ranks handle SIGUSR1.
absl::StatusOr<int> RunUnderMpirun(int ranks, int threads,
                                   TermSignal term = TermSignal::kPassOn);

// MPI's transport under mpirun, else the only rank there is. E0101 when --np is above 1
// and not what mpirun started.
absl::StatusOr<std::unique_ptr<Transport>> StartTransport(int np);

}  // namespace tatami
