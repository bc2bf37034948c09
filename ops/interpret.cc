#include "ops/interpret.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {

std::vector<double> ReferenceF64(const OpCall& call,
                                 absl::Span<const std::vector<double>> in) {
  const auto shared = std::make_shared<const OpCall>(call);
  const IndexRule rule = (*call.op->rule)(call);
  const LocalCall whole = MakeLocalCall(shared, rule, rule.WholeFactors());
  TATAMI_CHECK(in.size() == call.in.size()) << in.size() << " operands";
  std::vector<View<const double>> views;
  for (size_t i = 0; i < in.size(); ++i) {
    TATAMI_CHECK(static_cast<int64_t>(in[i].size()) == call.in[i].num_elements())
        << *call.op->name << " operand " << i << " has " << in[i].size() << " elements";
    // The whole tensor, even where the rule says that a part of it is enough.
    views.emplace_back(in[i].data(), WholeBox(call.in[i].dims), call.in[i].dims);
  }
  std::vector<double> out(call.out.num_elements());
  (*call.op->reference)
      .f64(whole, views,
           View<double>(out.data(), WholeBox(call.out.dims), call.out.dims));
  return out;
}

absl::StatusOr<std::vector<std::vector<double>>> InterpretF64(
    const Graph& graph, const std::map<int, std::vector<double>>& inputs_and_states) {
  std::vector<std::vector<double>> values(graph.values.size());
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const GraphValue& value = graph.values[v];
    if (value.kind == ValueKind::kComputed) continue;
    const auto given = inputs_and_states.find(static_cast<int>(v));
    const int64_t n =
        given == inputs_and_states.end() ? -1 : int64_t(given->second.size());
    if (n != value.type.num_elements()) {
      return MakeError(
          ErrorCode::kBadGraph,
          absl::StrCat("graph '", graph.name, "': '", value.name, "' is ",
                       value.type.ToString(), " and ",
                       n < 0 ? "was not given" : absl::StrCat("was given ", n),
                       " elements; give ", value.type.num_elements()));
    }
    values[v] = given->second;
  }
  for (size_t i = 0; i < graph.calls.size(); ++i) {
    const GraphCall& call = graph.calls[i];
    std::vector<std::vector<double>> in;
    for (int v : call.in) in.push_back(values[v]);
    values[call.out] = ReferenceF64(graph.CallOf(static_cast<int>(i)), in);
  }
  return values;
}

}  // namespace tatami
