// How far training in f32 or bf16 may stray from f64: proven bounds of every call's own
// rounding, carried through the graph.
//
// Derivation. (1) A call computes each element of its output by t roundings, t counted
// from the op's cost (arithmetic per output element) and one more per part when a
// reduction is cut. Each is off by at most u = 2^-24 of a partial sum, so by at most
// u M with M the sum of the terms' magnitudes, which the reference computes on
// magnitudes. A result stored in bf16 is rounded once more, to 2^-8 of itself, and so
// is each sum of two parts of it. Roundings that an op does once per channel, and those
// of its constants, are shared by the channel's or by all elements. Ops without sums
// state their error in units of the last place. (2) To first order the error of a
// tensor after the steps is d = sum_i J_i r_i over all roundings r_i of the steps, J_i
// being how the tensor answers to the element that r_i falls on. We take roundings as
// independent with mean zero (Higham and Mary, "A new approach to probabilistic
// rounding error analysis", SISC 2019). A sum of independent zero-mean vectors of
// lengths at most b_i obeys
//     P(|d| >= lambda b) <= 2 exp(-lambda^2 / 2),   b^2 = sum b_i^2
// in any Hilbert space (Pinelis 1994). (3) b^2 is the expected |d|^2 of an experiment
// that adds to each element noise of that variance, sqrt(t) u M times a random sign,
// and to each channel and call its shared noise; so the steps are run in f64 some times
// with such noise and the squares averaged. Nothing measured on a mesh enters the
// bound.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/graph.h"
#include "tests/support/run_graph.h"

namespace tatami::testing {

struct F64Run {
  std::map<std::string, std::vector<double>> outputs, states;  // after the last step
};

// What f64 gives, and for each tensor the bound on the length of its error vector
// (Euclidean) for any plan on a mesh of at most `nodes` nodes.
struct RoundingModel {
  F64Run truth;
  std::map<std::string, double> output_bounds, state_bounds;
};
struct RoundingOptions {
  int steps = 1;
  int64_t nodes = 1;
  int trials = 6;
};
// 2 exp(-lambda^2/2) is 5e-11 for each tensor: with some hundred comparisons, a right
// program fails less than once in 10^8 draws.
constexpr double kLambda = 7;

absl::StatusOr<RoundingModel> ModelRounding(const Graph& graph,
                                            const std::map<std::string, Bytes>& values,
                                            const RoundingOptions& options);

// "" or the first tensor of `got` that is farther from the truth than its bound.
// `worst` (may be null) is raised to the largest ratio of error to bound.
std::string FindExcess(const RunResult& got, const RoundingModel& model, double* worst);

// The noise of one call, as standard deviations by element of its output:
// drawn for each element, once for each channel (index along the last dim), once for
// the call. Aborts for an op with sums whose terms it does not know.
struct OwnRounding {
  std::vector<double> element, channel, call;
};
OwnRounding OwnRoundingOf(const OpCall& call,
                          const std::vector<std::vector<double>>& in,
                          const std::vector<double>& out, int64_t nodes);

}  // namespace tatami::testing
