// Checks of cost, rule and list: these need no kernel.
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/conformance/cuts.h"
#include "tests/conformance/find_fault.h"
#include "tests/conformance/samples.h"

namespace tatami::conformance {
namespace {

int64_t CountOperations(const LocalCall& at, const Arrays& whole_inputs) {
  const OpCall& call = *at.call;
  std::vector<std::vector<Counted>> parts;
  std::vector<View<const Counted>> views;
  for (size_t i = 0; i < at.in.size(); ++i) {
    const auto part = CutOut(whole_inputs[i], call.in[i].dims, at.in[i]);
    parts.emplace_back(part.begin(), part.end());
  }
  for (size_t i = 0; i < at.in.size(); ++i) {
    views.emplace_back(parts[i].data(), at.in[i], call.in[i].dims);
  }
  std::vector<Counted> out(NumElements(at.out));
  const int64_t before = Counted::operations;
  (*call.op->reference)
      .counted(at, views, View<Counted>(out.data(), at.out, call.out.dims));
  return Counted::operations - before;
}

// Runs every part and puts the results together; `writes` counts what each element got.
std::vector<double> RunParts(const std::shared_ptr<const OpCall>& call,
                             const IndexRule& rule, const std::vector<Box>& parts,
                             const Arrays& in, std::vector<int64_t>& writes) {
  std::vector<double> whole(call->out.num_elements(), NAN);
  writes.assign(whole.size(), 0);
  for (const Box& factors : parts) {
    const LocalCall at = MakeLocalCall(call, rule, factors);
    const std::vector<double> part = RunReference(at, in);
    const View<double> out(whole.data(), WholeBox(call->out.dims), call->out.dims);
    int64_t next = 0;
    ForEachPoint(at.out, [&](absl::Span<const int64_t> index) {
      double& element = out.at(index);
      const double x = part[next++];
      if (writes[&element - whole.data()]++ == 0) {
        element = x;
      } else {
        element = rule.combine == Combine::kSum ? element + x : std::max(element, x);
      }
    });
  }
  return whole;
}

}  // namespace

std::string FindCostFault(const OpDef& op, const OpSample& sample) {
  const auto call = CallOfSample(op, sample);
  if (!call.ok()) return std::string(call.status().message());
  const IndexRule rule = (*op.rule)(**call);
  const Arrays in = DrawInputs(sample, /*seed=*/1);
  for (const Box& factors : WholeAndParts(rule)) {
    const int64_t counted = CountOperations(MakeLocalCall(*call, rule, factors), in);
    const int64_t declared = (*op.cost)(**call, factors).total();
    if (counted != declared) {
      return absl::StrCat("factors ", ToString(factors), ": the cost says ", declared,
                          " operations, the reference does ", counted);
    }
  }
  return "";
}

std::string FindCutFault(const OpDef& op, const OpSample& sample) {
  const auto call = CallOfSample(op, sample);
  if (!call.ok()) return std::string(call.status().message());
  const IndexRule rule = (*op.rule)(**call);
  const Arrays in = DrawInputs(sample, /*seed=*/3);
  const std::vector<double> want =
      RunReference(MakeLocalCall(*call, rule, rule.WholeFactors()), in);
  // Cuts change the order of sums only. A double sum of t terms is off by at most
  // t 2^-53 of the sum of magnitudes: 1e-12 allows t near 1e4 terms of the largest
  // magnitude at hand, which no sample reaches.
  const double tolerance =
      1e-12 * std::max(LargestMagnitude({want}), LargestMagnitude(in));
  for (const Cut& cut : EveryCut(rule)) {
    // Every element comes once from each part of the reduced factors.
    int64_t contributions = 1;
    for (size_t f = 0; f < cut.size(); ++f) {
      if (rule.factors[f].kind == FactorKind::kReduce) {
        contributions *= std::min(cut[f], rule.factors[f].size);
      }
    }
    std::vector<int64_t> writes;
    const auto got = RunParts(*call, rule, PartsOf(rule, cut), in, writes);
    for (size_t i = 0; i < want.size(); ++i) {
      const auto where = [&] {
        return absl::StrCat("cut ", ToString(rule, cut), " of ", rule.ToString(),
                            ": element ", i);
      };
      if (writes[i] != contributions) {
        return absl::StrCat(where(), " comes from ", writes[i], " parts, not ",
                            contributions);
      }
      const bool same =
          got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
      if (!same && !(std::abs(got[i] - want[i]) <= tolerance)) {
        return absl::StrCat(where(), " is ", got[i], ", uncut it is ", want[i],
                            ", allowed ", tolerance);
      }
    }
  }
  return "";
}

std::string FindListFault(absl::Span<const OpDef* const> ops) {
  std::set<absl::string_view> names;
  for (const OpDef* op : ops) {
    if ((*op->name).empty()) return "an op without a name";
    if (!names.insert(*op->name).second) return absl::StrCat("two ops ", *op->name);
    if ((*op->summary).empty()) return absl::StrCat(*op->name, " has no summary");
    if ((*op->samples)().empty()) return absl::StrCat(*op->name, " has no sample");
  }
  return "";
}

}  // namespace tatami::conformance
