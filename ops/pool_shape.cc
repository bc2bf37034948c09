#include "ops/pool_shape.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// n, spatial.., c as parallel factors and as the output, then the taps.
IndexRule OutputAndTaps(const PoolShape& s, const TensorType& out,
                        absl::string_view letter) {
  IndexRule rule;
  for (int d = 0; d < out.rank(); ++d) {
    const std::string name = d == 0                ? "n"
                             : d == out.rank() - 1 ? "c"
                                                   : absl::StrCat(letter, d - 1);
    rule.factors.push_back({name, out.dim(d), FactorKind::kParallel});
    rule.output.push_back({d, {}});
  }
  for (int j = 0; j < s.spatial(); ++j) {
    rule.factors.push_back(
        {absl::StrCat("q", j), s.windows[j].kernel, FactorKind::kWhole});
  }
  return rule;
}

}  // namespace

PoolShape MakePoolShape(const Attrs& attrs, const TensorType& x, const TensorType& y) {
  return {.windows = ReadWindows(attrs, attrs.Ints("kernel")),
          .in = {x.dims.begin() + 1, x.dims.end() - 1},
          .out = {y.dims.begin() + 1, y.dims.end() - 1}};
}

absl::StatusOr<TensorType> InferPool(const Attrs& attrs, const TensorType& x) {
  const auto fail = [&](absl::string_view what) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("pooling needs ", what, "; got ", x.ToString(),
                                  " with ", attrs.ToString()));
  };
  if (x.rank() != 4 && x.rank() != 5) return fail("2 or 3 spatial dims");
  if (x.dtype == DType::kI32) return fail("a floating type");
  TATAMI_RETURN_IF_ERROR(CheckWindowAttrs(attrs, x.rank() - 2));
  if (!attrs.Has("kernel") ||
      static_cast<int>(attrs.Ints("kernel").size()) != x.rank() - 2) {
    return fail("one kernel size per spatial dim");
  }
  TensorType y = x;
  const std::vector<WindowDim> windows = ReadWindows(attrs, attrs.Ints("kernel"));
  for (size_t j = 0; j < windows.size(); ++j) {
    if (windows[j].kernel < 1) return fail("kernel sizes of at least 1");
    const int64_t size = x.dim(j + 1), outputs = windows[j].Outputs(size);
    if (outputs < 1) return fail("a window that fits");
    for (int64_t o = 0; o < outputs; ++o) {
      if (CountTaps(windows[j], {o, o + 1}, size) == 0) {
        return fail("every window to meet the tensor");
      }
    }
    y.dims[j + 1] = outputs;
  }
  return y;
}

IndexRule PoolRule(const PoolShape& s, const TensorType& x, const TensorType& y) {
  IndexRule rule = OutputAndTaps(s, y, "o");
  OperandRule in = rule.output;
  for (int j = 0; j < s.spatial(); ++j) in[j + 1].map = s.windows[j].Map();
  TATAMI_CHECK(x.rank() == y.rank()) << x.ToString();
  rule.inputs = {in};
  return rule;
}

IndexRule PoolGradRule(const PoolShape& s, const TensorType& x, PoolGradInputs inputs) {
  IndexRule rule = OutputAndTaps(s, x, "i");
  OperandRule x_rule = rule.output, dy_rule = rule.output;
  for (int j = 0; j < s.spatial(); ++j) {
    const int64_t reach = s.windows[j].span() - 1;
    x_rule[j + 1].map = {.num = 1, .den = 1, .lo = -reach, .hi = reach};
    dy_rule[j + 1].map = s.windows[j].AdjointMap();
  }
  if (inputs == PoolGradInputs::kXAndDy) rule.inputs.push_back(x_rule);
  rule.inputs.push_back(dy_rule);
  return rule;
}

Attrs PoolAttrs(const PoolOptions& options, int rank) {
  Attrs attrs{{"kernel", options.kernel}};
  SetWindowAttrs(options.window, rank < 2 ? 0 : rank - 2, attrs);
  return attrs;
}

PoolOptions ReadPoolOptions(const Attrs& attrs) {
  return {.kernel = attrs.Ints("kernel"),
          .window = {.stride = attrs.Ints("stride"),
                     .dilation = attrs.Ints("dilation"),
                     .pad_lo = attrs.Ints("pad_lo"),
                     .pad_hi = attrs.Ints("pad_hi")}};
}

}  // namespace tatami
