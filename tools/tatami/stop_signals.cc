#include "tools/tatami/stop_signals.h"

#include <csignal>

namespace tatami {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void Remember(int signal) {
  if (stop_requested != 0 && signal == SIGTERM) {
    std::signal(SIGTERM, SIG_DFL);
    std::raise(SIGTERM);
  }
  stop_requested = 1;
}

}  // namespace

StopSignals::StopSignals(TermMeans term) {
  stop_requested = 0;
  if (term == TermMeans::kStop) std::signal(SIGTERM, Remember);
  std::signal(SIGUSR1, Remember);
}

StopSignals::~StopSignals() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGUSR1, SIG_DFL);
}

bool StopSignals::requested() const { return stop_requested != 0; }

}  // namespace tatami
