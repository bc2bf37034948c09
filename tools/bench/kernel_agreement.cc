#include "tools/bench/kernel_agreement.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace tatami {
namespace {

// How far one side may be from the exact value, of which `value` is an estimate.
class OneSide {
 public:
  OneSide(const LocalCall& at, const ResultsToCompare& results)
      : model_(*at.call->op->error), dtype_(at.call->out.dtype), results_(results) {
    const auto flops =
        static_cast<double>((*at.call->op->cost)(*at.call, at.factors).total());
    terms_ = std::ceil(flops / static_cast<double>(NumElements(at.out))) + 2;
    gamma_ = terms_ * 0x1p-24 / (1 - terms_ * 0x1p-24);
  }

  double Bound(size_t e, double value) const {
    double bound = 0;
    if (!results_.magnitude.empty()) {
      // Each rounding may also underflow by half the smallest f32.
      bound = gamma_ * results_.magnitude[e] + terms_ * 0x1p-150;
    } else if (model_.kind == ErrorModel::kUlps) {
      bound = model_.ulps *
              std::max(0x1p-23 * std::max(value, results_.largest_input), 0x1p-149);
    }
    // bf16 has 8 significant bits; its smallest normal is 2^-126.
    if (dtype_ == DType::kBF16 && model_.kind != ErrorModel::kExact) {
      bound += std::ldexp(1.0, std::max(std::ilogb(value + bound), -126) - 8);
    }
    return bound;
  }

 private:
  ErrorModel model_;
  DType dtype_;
  const ResultsToCompare& results_;
  double terms_ = 0, gamma_ = 0;
};

}  // namespace

std::string FindDisagreement(const LocalCall& at, const ResultsToCompare& results) {
  const size_t n = results.ours.size();
  if (results.peer.size() != n ||
      (!results.magnitude.empty() && results.magnitude.size() != n)) {
    return absl::StrCat("ours has ", n, " elements, the peer's ", results.peer.size());
  }
  const OneSide side(at, results);
  size_t worst = n;
  double worst_excess = 0;
  for (size_t e = 0; e < n; ++e) {
    const double ours = results.ours[e], peer = results.peer[e];
    if (ours == peer) continue;
    const double off = std::abs(ours - peer);
    const double allowed = 2 * side.Bound(e, std::max(std::abs(ours), std::abs(peer)));
    const double excess = std::isnan(off) ? HUGE_VAL : off - allowed;
    if (excess <= worst_excess) continue;
    worst = e;
    worst_excess = excess;
  }
  if (worst == n) return "";
  const double value =
      std::max(std::abs(results.ours[worst]), std::abs(results.peer[worst]));
  return absl::StrCat("element ", worst, " is ", results.ours[worst],
                      " here and the peer's ", results.peer[worst], ", allowed ",
                      2 * side.Bound(worst, value), " apart");
}

}  // namespace tatami
