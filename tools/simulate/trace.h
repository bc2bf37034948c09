// A step as a Chrome trace: chrome://tracing and ui.perfetto.dev open it.
#pragma once

#include <string>

#include "core/program.h"
#include "runtime/simulator/simulate.h"

namespace tatami {

// Tracks: the exchange and compute phases, what each is bound by, and the SRAM of the
// fullest node class. Times are modelled.
std::string ChromeTrace(const Program& program, const StepTime& time);

}  // namespace tatami
