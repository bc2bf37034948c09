#include "tests/differential/part_bounds.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace tatami::testing {
namespace {

using conformance::Arrays;
using conformance::CutOut;
using conformance::LargestContinuousMagnitude;
using conformance::RunReference;

constexpr double kSmallest = 0x1p-150;  // half of the smallest f32: one underflow

std::vector<Box> DistinctParts(const IndexRule& rule, const Mesh& mesh,
                               const std::vector<AxisList>& factor_axes) {
  std::vector<Box> parts;
  std::set<std::string> seen;
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    Box factors;
    for (size_t f = 0; f < rule.factors.size(); ++f) {
      const AxisList& axes = factor_axes[f];
      factors.push_back(FloorSplit(rule.factors[f].size, Parts(axes),
                                   PartOf(axes, NodeAt(n, mesh), mesh)));
    }
    if (!IsEmpty(factors) && seen.insert(ToString(factors)).second) {
      parts.push_back(std::move(factors));
    }
  }
  return parts;
}

}  // namespace

double Gamma(double t, double unit) { return t * unit / (1 - t * unit); }

double UnitRoundoff(DType dtype) { return dtype == DType::kBF16 ? 0x1p-8 : 0x1p-24; }

std::vector<double> ErrorBounds(const OpSample& sample, const LocalCall& at,
                                const Arrays& in, const std::vector<double>& want) {
  const OpCall& call = *at.call;
  std::vector<double> bounds(want.size(), 0);
  const ErrorModel& model = *call.op->error;
  if (model.kind == ErrorModel::kUlps) {
    const double largest = LargestContinuousMagnitude(sample, at, in);
    for (size_t e = 0; e < want.size(); ++e) {
      bounds[e] = model.ulps * std::max(0x1p-23 * std::max(std::abs(want[e]), largest),
                                        2 * kSmallest);
    }
  } else if (model.kind == ErrorModel::kSumOfProducts) {
    Arrays magnitudes = in;
    for (auto& array : magnitudes) {
      for (double& x : array) x = std::abs(x);
    }
    const std::vector<double> sums = RunReference(at, magnitudes);
    const double t = std::ceil(double((*call.op->cost)(call, at.factors).total()) /
                               double(std::max<size_t>(1, want.size()))) +
                     2;
    for (size_t e = 0; e < want.size(); ++e) {
      bounds[e] = Gamma(t, 0x1p-24) * sums[e] + t * kSmallest;
    }
  }
  if (call.out.dtype == DType::kBF16 && model.kind != ErrorModel::kExact) {
    for (size_t e = 0; e < want.size(); ++e) {
      bounds[e] += 0x1p-8 * (std::abs(want[e]) + bounds[e]) + 0x1p-134;
    }
  }
  return bounds;
}

std::vector<double> CutErrorBounds(const OpSample& sample,
                                   const std::shared_ptr<const OpCall>& call,
                                   const Arrays& in, const Mesh& mesh,
                                   const std::vector<AxisList>& factor_axes) {
  const IndexRule rule = (*call->op->rule)(*call);
  const Box whole = WholeBox(call->out.dims);
  const int64_t n = NumElements(whole);
  std::vector<double> bounds(n, 0), magnitudes(n, 0), largest(n, 0);
  std::vector<int> terms(n, 0);
  for (const Box& factors : DistinctParts(rule, mesh, factor_axes)) {
    const LocalCall at = MakeLocalCall(call, rule, factors);
    const std::vector<double> want = RunReference(at, in);
    const std::vector<double> part = ErrorBounds(sample, at, in, want);
    // Where each element of the part lies in the whole.
    std::vector<double> index(n);
    for (int64_t e = 0; e < n; ++e) index[e] = double(e);
    const std::vector<double> lies = CutOut(index, call->out.dims, at.out);
    for (size_t e = 0; e < want.size(); ++e) {
      const auto i = static_cast<int64_t>(lies[e]);
      bounds[i] += part[e];
      largest[i] = std::max(largest[i], part[e]);
      magnitudes[i] += std::abs(want[e]);
      ++terms[i];
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    if (rule.combine == Combine::kMax) {
      bounds[i] = largest[i];  // the larger of two is one of the two, unrounded
    } else if (terms[i] > 1) {
      // terms - 1 additions, rounded to storage each time.
      bounds[i] += Gamma(terms[i] - 1, UnitRoundoff(call->out.dtype)) *
                   (magnitudes[i] + bounds[i]);
    }
  }
  return bounds;
}

}  // namespace tatami::testing
