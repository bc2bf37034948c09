#include "ops/channel_shape.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "ops/reshape.h"
#include "ops/slice.h"

namespace tatami {

absl::Status CheckChannelOperands(absl::string_view op, absl::Span<const TensorType> in,
                                  size_t count, std::initializer_list<size_t> vectors,
                                  std::initializer_list<size_t> likes) {
  const auto fail = [&](absl::string_view what) {
    std::string got;
    for (const TensorType& t : in)
      absl::StrAppend(&got, got.empty() ? "" : ", ", t.ToString());
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat(op, " needs ", what, "; got ", got));
  };
  if (in.size() != count) return fail(absl::StrCat(count, " operands"));
  const TensorType& x = in[0];
  if (x.rank() < 2 || x.num_elements() < 1) return fail("a non-empty x[..,C]");
  if (x.dtype == DType::kI32) return fail("a floating x");
  for (size_t i : vectors) {
    if (in[i] != TensorType{DType::kF32, {x.dim(-1)}}) {
      return fail(absl::StrCat("operand ", i, " to be f32[C]"));
    }
  }
  for (size_t i : likes) {
    if (in[i] != x) return fail(absl::StrCat("operand ", i, " to be like x"));
  }
  return absl::OkStatus();
}

IndexRule ChannelRule(const TensorType& x, FactorKind leading, FactorKind channel) {
  IndexRule rule;
  for (int d = 0; d + 1 < x.rank(); ++d) {
    rule.factors.push_back({absl::StrCat("d", d), x.dim(d), leading});
  }
  rule.factors.push_back({"c", x.dim(-1), channel});
  return rule;
}

OperandRule ChannelOperand(const TensorType& x) {
  OperandRule operand;
  for (int d = 0; d < x.rank(); ++d) operand.push_back({d, {}});
  return operand;
}

OperandRule ChannelVector(const TensorType& x) { return {{x.rank() - 1, {}}}; }

Value ChannelRow(GraphBuilder& g, Value rows, int64_t row) {
  const int64_t channels = g.type(rows).dims.empty() ? 0 : g.type(rows).dim(-1);
  return Reshape(g, Slice(g, rows, {row, 0}, {1, channels}), {channels});
}

absl::Status ChannelLoopsSupport(const LocalCall& call) {
  if (IsEmpty(call.out)) return absl::UnimplementedError("the output is empty");
  for (size_t i = 0; i < call.in.size(); ++i) {
    if (IsEmpty(call.in[i])) return absl::UnimplementedError("an operand is empty");
    if (call.call->in[i].dtype != DType::kF32) {
      return absl::UnimplementedError("storage is not f32");
    }
  }
  return absl::OkStatus();
}

}  // namespace tatami
