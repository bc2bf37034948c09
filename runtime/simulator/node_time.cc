#include "runtime/simulator/node_time.h"

#include <algorithm>
#include <cmath>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

double RoundUp(double n, int64_t unit) {
  const auto u = static_cast<double>(unit);
  return std::ceil(n / u) * u;
}

bool Uses(const OperandRule& operand, int factor) {
  return absl::c_any_of(operand,
                        [&](const OperandDim& dim) { return dim.factor == factor; });
}

// Whether operands are narrow enough for the matrix unit.
bool OnMatrixUnit(const OpCall& call) {
  return absl::c_none_of(call.in,
                         [](const TensorType& t) { return t.dtype == DType::kF32; });
}

// How many times the arithmetic of a product of matrices takes that of whole blocks.
// Factors of the output that one operand alone has are its rows, those of the other its
// columns; what is summed over is the depth.
double BlockLoss(const IndexRule& rule, const Box& factors, double multiplications,
                 const MachineSpec& machine) {
  if (rule.inputs.size() < 2 || multiplications <= 0) return 1;
  double rows = 1, cols = 1, apart = 1;
  for (size_t f = 0; f < factors.size(); ++f) {
    const int factor = static_cast<int>(f);
    if (!Uses(rule.output, factor)) continue;
    const auto size = static_cast<double>(factors[f].size());
    const bool a = Uses(rule.inputs[0], factor), b = Uses(rule.inputs[1], factor);
    (a == b ? apart : a ? rows : cols) *= size;
  }
  const double depth = multiplications / (apart * rows * cols);
  return RoundUp(rows, machine.matrix_unit_rows) *
         RoundUp(cols, machine.matrix_unit_cols) *
         RoundUp(depth, machine.matrix_unit_depth) / (rows * cols * depth);
}

// The same of whole vectors along the last dim of the output.
double VectorLoss(const OpCall& call, const Box& out, const MachineSpec& machine) {
  if (out.empty() || out.back().size() == 0) return 1;
  const auto last = static_cast<double>(out.back().size());
  const int64_t lanes =
      std::max<int64_t>(1, machine.vector_bytes / ByteSize(call.out.dtype));
  // Short rows lie one behind the other, so that vectors cover several.
  if (last * 2 <= static_cast<double>(lanes)) return 1;
  return RoundUp(last, lanes) / last;
}

double Bytes(const Box& box, const TensorType& type) {
  return static_cast<double>(NumElements(box) * ByteSize(type.dtype));
}

}  // namespace

absl::string_view NodeUnitName(int unit) {
  constexpr absl::string_view kNames[kNodeUnits] = {
      "matrix unit", "vector unit", "SRAM load ports", "SRAM store port", "call start"};
  return kNames[unit];
}

Box MiddlePart(const IndexRule& rule, const Dims& extents) {
  Box box;
  for (size_t f = 0; f < extents.size(); ++f) {
    const int64_t begin = (rule.factors[f].size - extents[f]) / 2;
    box.push_back({begin, begin + extents[f]});
  }
  return box;
}

NodeTime TimeOfCall(const OpCall& call, const IndexRule& rule, const Box& factors,
                    const MachineSpec& machine) {
  if (IsEmpty(factors)) return {};
  const OpCost cost = (*call.op->cost)(call, factors);
  const Box out = OperandBox(rule.output, factors, call.out.dims);
  double loads = 0;
  for (size_t i = 0; i < call.in.size(); ++i) {
    loads += Bytes(OperandBox(rule.inputs[i], factors, call.in[i].dims), call.in[i]);
  }
  const double vector_loss = VectorLoss(call, out, machine);
  const auto matrix_flops = static_cast<double>(cost.matrix_flops);
  double vector_flops = static_cast<double>(cost.vector_flops);
  double s[kNodeUnits] = {};
  if (OnMatrixUnit(call)) {
    s[kMatrixUnit] = matrix_flops *
                     BlockLoss(rule, factors, matrix_flops / 2, machine) /
                     machine.matrix_flops_per_s;
  } else {
    vector_flops += matrix_flops;
  }
  s[kVectorUnit] = vector_flops * vector_loss / machine.vector_flops_per_s;
  s[kSramLoad] = loads / SramLoadBytesPerS(machine);
  s[kSramStore] = Bytes(out, call.out) / SramStoreBytesPerS(machine);
  s[kCallStart] = machine.call_start_ns * 1e-9;
  NodeTime time;
  double most = 0;
  for (int unit = 0; unit < kNodeUnits; ++unit) {
    if (s[unit] <= most) continue;
    most = s[unit];
    time.unit = static_cast<NodeUnit>(unit);
  }
  const double work = *std::max_element(s, s + kCallStart);
  time.ns = machine.call_start_ns + work * 1e9;
  return time;
}

}  // namespace tatami
