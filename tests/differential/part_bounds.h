// How far f32 may stray from f64 on a cut call: what each op's proven error model
// allows for a part, and what combining parts adds.
#pragma once

#include <vector>

#include "core/sharding.h"
#include "tests/conformance/samples.h"

namespace tatami::testing {

// Relative error of t roundings of unit roundoff u: t u / (1 - t u).
double Gamma(double t, double unit);
double UnitRoundoff(DType dtype);  // 2^-24, or 2^-8 of bf16

// Bounds on |kernel - reference in f64| for each element of at.out, on the whole
// inputs `in` of `sample`, by op.error; `want` is the reference there. The output's
// rounding to its storage type is included.
std::vector<double> ErrorBounds(const OpSample& sample, const LocalCall& at,
                                const conformance::Arrays& in,
                                const std::vector<double>& want);

// Bounds for each element of the whole output when the factors of `call`, which is that
// of `sample`, are cut over the mesh by `factor_axes` and partial results are combined.
std::vector<double> CutErrorBounds(const OpSample& sample,
                                   const std::shared_ptr<const OpCall>& call,
                                   const conformance::Arrays& in, const Mesh& mesh,
                                   const std::vector<AxisList>& factor_axes);

}  // namespace tatami::testing
