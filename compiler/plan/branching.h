// Branch and bound over the states of calls: what prices of memory leave open, because
// a few large tensors fit or do not fit whatever they cost.
#pragma once

#include "compiler/plan/pricing.h"

namespace tatami {

// Splits `root` and its parts, the one of least bound first, until none can hold a plan
// faster than the goal, or until `pricing` has done `work_max` in all. Returns a lower
// bound of the time of any plan in `root` that fits; infinity when none does.
double Branch(Pricing& pricing, PricedNode root, double work_max);

}  // namespace tatami
