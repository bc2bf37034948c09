// What the search chose from at one call, for who wants to know why.
#pragma once

#include <cstdint>

#include "core/plan.h"

namespace tatami {

// One way to make a call while all other calls are made as planned. Times are modelled
// and count both runs of a call that is made again.
struct PlanChoice {
  CallPlan plan;
  bool chosen = false;
  double compute_ns = 0;
  double combine_ns = 0;  // of partial terms
  double brought_ns = 0;  // transfers of what the call reads
  // Transfers by others of what lies where this call decides, to other stages included.
  double taken_ns = 0;
  int64_t peak_bytes = 0;  // of the fullest node in the step; code apart
  int64_t over_bytes = 0;  // the most above the capacity at any point; above 0: unfit

  double ns() const { return compute_ns + combine_ns + brought_ns + taken_ns; }
  bool fits() const { return over_bytes <= 0; }
};

}  // namespace tatami
