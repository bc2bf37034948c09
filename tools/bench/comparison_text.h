// A Comparison for people (at most 80 columns where names and addresses allow) and for
// programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/comparison.h"

namespace tatami {

// One table: a heading for each curve, a row for each point, modelled figures with a
// star; below it what the columns mean, single figures, and every source.
std::string ToText(const Comparison& comparison);

nlohmann::json ToJson(const Comparison& comparison);

}  // namespace tatami
