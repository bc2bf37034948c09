// The cuts that the conformance suite tries: every cuttable factor 2 and 3 ways, and
// every pair of them.
#pragma once

#include <string>
#include <vector>

#include "core/index_rule.h"

namespace tatami::conformance {

// How many parts each factor is cut into.
using Cut = std::vector<int64_t>;

// Factors of size 1 are never cut; a factor of size 2 cut 3 ways has an empty part.
std::vector<Cut> EveryCut(const IndexRule& rule);

// The non-empty parts of a cut, as floor splits.
std::vector<Box> PartsOf(const IndexRule& rule, const Cut& cut);

// The whole, then each different part of every cut.
std::vector<Box> WholeAndParts(const IndexRule& rule);

std::string ToString(const IndexRule& rule, const Cut& cut);  // "m in 2, k in 3"

}  // namespace tatami::conformance
