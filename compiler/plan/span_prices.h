// What bytes held from one point to another cost, at a price of a byte at each point.
#pragma once

#include <numeric>
#include <vector>

#include "compiler/plan/plan_model.h"

namespace tatami {

class SpanPrices {
 public:
  // Without prices all is free.
  SpanPrices(const std::vector<double>& ns_per_byte, int points)
      : until_(points + 1, 0.0) {
    if (ns_per_byte.empty()) return;
    std::partial_sum(ns_per_byte.begin(), ns_per_byte.end(), until_.begin() + 1);
  }

  double Ns(const PlanModel::Spans& spans) const {
    double ns = 0;
    for (const PlanModel::Span& s : spans) {
      ns += static_cast<double>(s.bytes) * (until_[s.last + 1] - until_[s.first]);
    }
    return ns;
  }

 private:
  std::vector<double> until_;  // sums of the prices before a point
};

}  // namespace tatami
