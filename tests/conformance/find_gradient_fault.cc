#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/graph.h"
#include "core/random.h"
#include "ops/interpret.h"
#include "tests/conformance/find_fault.h"
#include "tests/conformance/samples.h"

namespace tatami::conformance {
namespace {

constexpr int kDirections = 3;

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// in + step * direction, with derived inputs following.
Arrays Moved(const OpSample& sample, Arrays in, const Arrays& direction, double step) {
  for (size_t i = 0; i < in.size(); ++i) {
    for (size_t e = 0; e < in[i].size(); ++e) in[i][e] += step * direction[i][e];
  }
  if (sample.derive != nullptr) sample.derive(sample, in);
  return in;
}

Arrays RandomDirection(const OpSample& sample, const Arrays& in, int number) {
  Arrays direction(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    direction[i].resize(in[i].size());
    if (!IsContinuous(sample, i)) continue;
    for (size_t e = 0; e < in[i].size(); ++e) {
      direction[i][e] = RandomNormal(7, i * kDirections + number, e);
    }
  }
  return direction;
}

// The gradient of sum(out * weights) by each input; empty where the op gives none.
absl::StatusOr<Arrays> GradientOf(const OpDef& op, const OpSample& sample,
                                  const Arrays& in,
                                  const std::vector<double>& weights) {
  GraphBuilder g("gradient");
  std::map<int, std::vector<double>> given;
  std::vector<Value> inputs;
  for (size_t i = 0; i < in.size(); ++i) {
    inputs.push_back(g.State(absl::StrCat("x", i), sample.in[i], {}, true));
    given[inputs.back().id] = in[i];
  }
  const Value out = g.Call(op, inputs, sample.attrs);
  const Value d_out = g.Input("d_out", g.type(out));
  given[d_out.id] = weights;
  const CallSite site{sample.attrs, inputs, out};
  const std::vector<Value> gradients = (*op.gradient).function(g, site, d_out);
  absl::StatusOr<Graph> graph = g.Finish();
  if (!graph.ok()) return graph.status();
  if (gradients.size() != in.size()) {
    return absl::InternalError(
        absl::StrCat(gradients.size(), " gradients for ", in.size(), " inputs"));
  }
  absl::StatusOr<Arrays> values = InterpretF64(*graph, given);
  if (!values.ok()) return values.status();
  Arrays out_arrays(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!gradients[i].valid()) continue;
    if (graph->values[gradients[i].id].type != sample.in[i]) {
      return absl::InternalError(
          absl::StrCat("the gradient by input ", i, " is ",
                       graph->values[gradients[i].id].type.ToString(), ", the input ",
                       sample.in[i].ToString()));
    }
    out_arrays[i] = (*values)[gradients[i].id];
  }
  return out_arrays;
}

}  // namespace

std::string FindGradientFault(const OpDef& op, const OpSample& sample) {
  if ((*op.gradient).function == nullptr) {
    return (*op.gradient).reason.empty() ? "no gradient and no reason why" : "";
  }
  const auto call = CallOfSample(op, sample);
  if (!call.ok()) return std::string(call.status().message());
  if ((*call)->out.dtype == DType::kI32) return "";  // integers have no slope
  const Arrays in = DrawInputs(sample, /*seed=*/5);
  std::vector<double> weights((*call)->out.num_elements());
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = RandomNormal(6, 0, i);
  const auto gradient = GradientOf(op, sample, in, weights);
  if (!gradient.ok()) return std::string(gradient.status().message());

  for (int d = 0; d < kDirections; ++d) {
    // A central difference is off by h^2/6 |f'''| + 2^-53 |f| / h; with h = 1e-5 that
    // is 2e-11 |f'''| + 1e-11 |f|, far below the tolerance for samples of order 1.
    const double h = 1e-5;
    const Arrays direction = RandomDirection(sample, in, d);
    const Arrays ahead = Moved(sample, in, direction, h);
    const Arrays behind = Moved(sample, in, direction, -h);
    const double difference = (Dot(ReferenceF64(**call, ahead), weights) -
                               Dot(ReferenceF64(**call, behind), weights)) /
                              (2 * h);
    double slope = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      if ((*gradient)[i].empty()) continue;
      // Not `direction`: derived inputs moved as well.
      for (size_t e = 0; e < in[i].size(); ++e) {
        slope += (*gradient)[i][e] * (ahead[i][e] - behind[i][e]) / (2 * h);
      }
    }
    if (!(std::abs(slope - difference) <= 1e-6 * (1 + std::abs(difference)))) {
      return absl::StrCat("along direction ", d, " the gradient says ", slope,
                          ", the finite difference ", difference);
    }
  }
  return "";
}

}  // namespace tatami::conformance
