#include "core/index_rule.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

int64_t FloorDiv(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

std::string Print(const OperandRule& operand, const IndexRule& rule) {
  std::string out;
  for (const OperandDim& dim : operand) {
    absl::StrAppend(&out, out.empty() ? "" : " ");
    if (dim.factor == kWholeDim) {
      absl::StrAppend(&out, "_");
      continue;
    }
    const Factor& f = rule.factors[dim.factor];
    absl::StrAppend(&out, f.name, f.kind == FactorKind::kWhole ? "!" : "",
                    dim.map.IsIdentity() ? "" : dim.map.ToString());
  }
  return out;
}

}  // namespace

Interval IndexMap::Apply(const Interval& factor, int64_t dim_size) const {
  if (factor.empty()) return {0, 0};
  const Interval raw{FloorDiv(num * factor.begin + lo, den),
                     FloorDiv(num * (factor.end - 1) + hi, den) + 1};
  const Interval clipped = Intersect(raw, {0, dim_size});
  return clipped.empty() ? Interval{0, 0} : clipped;
}

std::string IndexMap::ToString() const {
  return absl::StrCat("{", num, "/", den, " ", lo, "..", hi, "}");
}

int IndexRule::FindFactor(absl::string_view name) const {
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

Box IndexRule::WholeFactors() const {
  Box box(factors.size());
  for (size_t i = 0; i < factors.size(); ++i) box[i] = {0, factors[i].size};
  return box;
}

std::string IndexRule::ToString() const {
  std::string out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ", ", Print(inputs[i], *this));
  }
  absl::StrAppend(&out, " -> ", Print(output, *this));
  return out;
}

absl::StatusOr<IndexRule> ParseIndexRule(absl::string_view text,
                                         absl::Span<const TensorType> in,
                                         const TensorType& out) {
  const auto fail = [&](absl::string_view why) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("index rule '", text, "': ", why));
  };
  const std::vector<std::string> sides = absl::StrSplit(text, "->");
  if (sides.size() != 2) return fail("needs exactly one '->'");
  std::vector<std::string> operands;
  if (!in.empty()) operands = absl::StrSplit(sides[0], ',');
  if (operands.size() != in.size()) {
    return fail(
        absl::StrCat("names ", operands.size(), " inputs, the call has ", in.size()));
  }
  operands.push_back(sides[1]);

  IndexRule rule;
  std::map<std::string, int> index;
  for (size_t o = 0; o < operands.size(); ++o) {
    const TensorType& type = o < in.size() ? in[o] : out;
    const std::vector<std::string> names =
        absl::StrSplit(operands[o], absl::ByAnyChar(" "), absl::SkipEmpty());
    if (static_cast<int>(names.size()) != type.rank()) {
      return fail(absl::StrCat("operand ", o, " has rank ", names.size(), ", got ",
                               type.ToString()));
    }
    OperandRule operand;
    for (int d = 0; d < type.rank(); ++d) {
      std::string name = names[d];
      if (name == "_") {
        operand.push_back({});
        continue;
      }
      const bool whole = name.back() == '!';
      if (whole) name.pop_back();
      const auto [it, added] = index.emplace(name, rule.factors.size());
      if (added) rule.factors.push_back({name, type.dim(d), FactorKind::kReduce});
      Factor& factor = rule.factors[it->second];
      if (factor.size != type.dim(d)) {
        return fail(
            absl::StrCat("factor ", name, " is ", factor.size, " and ", type.dim(d)));
      }
      if (whole) factor.kind = FactorKind::kWhole;
      if (o == in.size() && factor.kind == FactorKind::kReduce) {
        factor.kind = FactorKind::kParallel;
      }
      operand.push_back({it->second, {}});
    }
    (o < in.size() ? rule.inputs.emplace_back() : rule.output) = std::move(operand);
  }
  return rule;
}

IndexRule PointwiseRule(absl::Span<const TensorType> in, const TensorType& out,
                        absl::Span<const int> whole_dims) {
  IndexRule rule;
  for (int d = 0; d < out.rank(); ++d) {
    rule.factors.push_back({absl::StrCat("d", d), out.dim(d), FactorKind::kParallel});
    rule.output.push_back({d, {}});
  }
  for (int w : whole_dims) {
    rule.factors[w < 0 ? out.rank() + w : w].kind = FactorKind::kWhole;
  }
  for (const TensorType& type : in) {
    OperandRule operand;
    const int lead = out.rank() - type.rank();
    TATAMI_CHECK(lead >= 0) << type.ToString() << " into " << out.ToString();
    for (int d = 0; d < type.rank(); ++d) {
      const bool broadcast = type.dim(d) == 1 && out.dim(lead + d) != 1;
      operand.push_back(broadcast ? OperandDim{} : OperandDim{lead + d, {}});
    }
    rule.inputs.push_back(std::move(operand));
  }
  return rule;
}

Box OperandBox(const OperandRule& operand, const Box& factors, const Dims& dims) {
  const bool nothing = IsEmpty(factors);
  Box box(operand.size());
  for (size_t d = 0; d < operand.size(); ++d) {
    if (nothing) {
      box[d] = {0, 0};
    } else if (operand[d].factor == kWholeDim) {
      box[d] = {0, dims[d]};
    } else {
      box[d] = operand[d].map.Apply(factors[operand[d].factor], dims[d]);
    }
  }
  return box;
}

std::string FindRuleFault(const IndexRule& rule, absl::Span<const TensorType> in,
                          const TensorType& out) {
  if (rule.inputs.size() != in.size()) return "one operand rule per input is needed";
  for (size_t i = 0; i < in.size(); ++i) {
    if (static_cast<int>(rule.inputs[i].size()) != in[i].rank()) {
      return absl::StrCat("input ", i, " has another rank than ", in[i].ToString());
    }
  }
  if (static_cast<int>(rule.output.size()) != out.rank())
    return "the output has another rank";
  std::vector<bool> made(rule.factors.size(), false);
  for (int d = 0; d < out.rank(); ++d) {
    const OperandDim& dim = rule.output[d];
    if (dim.factor == kWholeDim || !dim.map.IsIdentity()) {
      return absl::StrCat("output dim ", d, " is not the identity of a factor");
    }
    if (made[dim.factor]) return absl::StrCat("output dim ", d, " repeats a factor");
    made[dim.factor] = true;
    const Factor& f = rule.factors[dim.factor];
    if (f.kind == FactorKind::kReduce)
      return absl::StrCat("reduced ", f.name, " is an output dim");
    if (f.size != out.dim(d))
      return absl::StrCat("factor ", f.name, " has another size");
  }
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    if (rule.factors[f].kind == FactorKind::kParallel && !made[f]) {
      return absl::StrCat("parallel factor ", rule.factors[f].name,
                          " is not an output dim");
    }
  }
  return "";
}

}  // namespace tatami
