#include "ops/conv_rule.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/result_type.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

std::vector<int64_t> Spatial(const TensorType& activation) {
  return {activation.dims.begin() + 1, activation.dims.end() - 1};
}

ConvShape MakeShape(const Attrs& attrs, const TensorType& x, const TensorType& w,
                    const TensorType& y) {
  return {.n = x.dim(0),
          .c = x.dim(-1),
          .k = y.dim(-1),
          .groups = attrs.Int("groups"),
          .windows = ReadWindows(attrs, {w.dims.begin() + 2, w.dims.end()}),
          .in = Spatial(x),
          .out = Spatial(y)};
}

// What all three ops demand of their operands before sizes are looked at.
absl::Status CheckOperands(const Attrs& attrs, Types in, absl::string_view names) {
  const auto fail = [&](absl::string_view what) {
    std::string got;
    for (const TensorType& t : in)
      absl::StrAppend(&got, got.empty() ? "" : ", ", t.ToString());
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("convolution of ", names, " needs ", what, "; got ",
                                  got, " with ", attrs.ToString()));
  };
  const int rank = in[0].rank();
  if (rank != 4 && rank != 5) return fail("2 or 3 spatial dims");
  for (size_t i = 0; i < in.size(); ++i) {
    const TensorType& t = in[i];
    if (i < 2 && t.rank() != rank) return fail("operands of equal rank");
    if (t.dtype != in[0].dtype || t.dtype == DType::kI32) {
      return fail("one floating type");
    }
  }
  if (!attrs.Has("groups") || attrs.Int("groups") < 1) return fail("groups >= 1");
  return CheckWindowAttrs(attrs, rank - 2);
}

absl::Status BadSizes(absl::string_view what, const Attrs& attrs, Types in) {
  return MakeError(ErrorCode::kBadGraph,
                   absl::StrCat("convolution needs ", what, "; got ", in[0].ToString(),
                                " and ", in[1].ToString(), " with ", attrs.ToString()));
}

// The factor of each dim of x, w and y. Spatial dims of the operands that are not the
// output follow from those that are.
struct ChannelFactors {
  int x = kWholeDim, w0 = kWholeDim, w1 = kWholeDim, y = kWholeDim;
};

int Add(IndexRule& rule, std::string name, int64_t size, FactorKind kind) {
  rule.factors.push_back({std::move(name), size, kind});
  return static_cast<int>(rule.factors.size()) - 1;
}

// [n, spatial.., channel] with the spatial dims factors first, first+1, ..
OperandRule Activation(int n, int first, const std::vector<IndexMap>& maps,
                       int channel) {
  OperandRule operand = {{n, {}}};
  for (size_t j = 0; j < maps.size(); ++j) {
    operand.push_back({first + static_cast<int>(j), maps[j]});
  }
  operand.push_back({channel, {}});
  return operand;
}

OperandRule Weight(const ChannelFactors& channels, int first_tap, int spatial) {
  OperandRule operand = {{channels.w0, {}}, {channels.w1, {}}};
  for (int j = 0; j < spatial; ++j) operand.push_back({first_tap + j, {}});
  return operand;
}

int AddTaps(IndexRule& rule, const ConvShape& s) {
  const int first = static_cast<int>(rule.factors.size());
  for (int j = 0; j < s.spatial(); ++j) {
    Add(rule, absl::StrCat("q", j), s.windows[j].kernel, FactorKind::kWhole);
  }
  return first;
}

int AddPositions(IndexRule& rule, absl::string_view letter,
                 const std::vector<int64_t>& sizes, FactorKind kind) {
  const int first = static_cast<int>(rule.factors.size());
  for (size_t j = 0; j < sizes.size(); ++j) {
    Add(rule, absl::StrCat(letter, j), sizes[j], kind);
  }
  return first;
}

std::vector<IndexMap> Maps(const ConvShape& s, IndexMap (WindowDim::*map)() const) {
  std::vector<IndexMap> maps;
  for (const WindowDim& w : s.windows) {
    maps.push_back(map == nullptr ? IndexMap() : (w.*map)());
  }
  return maps;
}

int64_t SizeOf(const IndexRule& rule, absl::string_view name, const Box& factors,
               int64_t fallback) {
  const int f = rule.FindFactor(name);
  return f < 0 ? fallback : factors[f].size();
}

// Channel pairs that meet, for the given channel intervals.
int64_t ChannelPairs(const IndexRule& rule, const ConvShape& s, const Box& factors) {
  if (s.depthwise()) return SizeOf(rule, "c", factors, 0);
  if (s.groups > 1) return s.k * s.group_c();
  return SizeOf(rule, "k", factors, 0) * SizeOf(rule, "ci", factors, 0);
}

bool HasRelu(const Attrs& attrs) { return attrs.String("activation") == "relu"; }

}  // namespace

ConvShape ShapeOfConv(const OpCall& call) {
  return MakeShape(call.attrs, call.in[0], call.in[1], call.out);
}
ConvShape ShapeOfConvInputGrad(const OpCall& call) {
  return MakeShape(call.attrs, call.out, call.in[1], call.in[0]);
}
ConvShape ShapeOfConvWeightGrad(const OpCall& call) {
  return MakeShape(call.attrs, call.in[0], call.out, call.in[1]);
}

absl::StatusOr<TensorType> InferConv(const Attrs& attrs, Types in) {
  if (in.size() != 2 && in.size() != 3) {
    return MakeError(ErrorCode::kBadGraph, "conv needs x, w and perhaps a bias");
  }
  TATAMI_RETURN_IF_ERROR(CheckOperands(attrs, in, "x and w"));
  if (!attrs.Has("activation") ||
      (attrs.String("activation") != "" && !HasRelu(attrs))) {
    return BadSizes("the activation \"\" or \"relu\"", attrs, in);
  }
  const TensorType &x = in[0], &w = in[1];
  const int64_t groups = attrs.Int("groups");
  if (x.dim(-1) != w.dim(1) * groups || w.dim(0) % groups != 0) {
    return BadSizes("x[N,..,C] and w[K,C/groups,..] with groups dividing K", attrs, in);
  }
  if (in.size() == 3 && (in[2].rank() != 1 || in[2].dim(0) != w.dim(0))) {
    return BadSizes(absl::StrCat("a bias[K], not ", in[2].ToString()), attrs, in);
  }
  TensorType y = x;
  TATAMI_ASSIGN_OR_RETURN(y.dtype, ResultType(attrs, x.dtype));
  y.dims.back() = w.dim(0);
  const auto windows = ReadWindows(attrs, {w.dims.begin() + 2, w.dims.end()});
  for (size_t j = 0; j < windows.size(); ++j) {
    y.dims[j + 1] = windows[j].Outputs(x.dim(j + 1));
    if (y.dims[j + 1] < 1) return BadSizes("a window that fits", attrs, in);
  }
  return y;
}

absl::StatusOr<TensorType> InferConvInputGrad(const Attrs& attrs, Types in) {
  if (in.size() != 2) {
    return MakeError(ErrorCode::kBadGraph, "conv_input_grad needs dy and w");
  }
  TATAMI_RETURN_IF_ERROR(CheckOperands(attrs, in, "dy and w"));
  const TensorType &dy = in[0], &w = in[1];
  if (dy.dim(-1) != w.dim(0) || w.dim(0) % attrs.Int("groups") != 0) {
    return BadSizes("dy[N,..,K] and w[K,C/groups,..]", attrs, in);
  }
  const auto windows = ReadWindows(attrs, {w.dims.begin() + 2, w.dims.end()});
  const std::vector<int64_t>& sizes = attrs.Ints("input_dims");
  if (sizes.size() != windows.size()) {
    return BadSizes("one of input_dims per spatial dim", attrs, in);
  }
  TensorType dx = dy;
  TATAMI_ASSIGN_OR_RETURN(dx.dtype, ResultType(attrs, dy.dtype));
  dx.dims.back() = w.dim(1) * attrs.Int("groups");
  for (size_t j = 0; j < windows.size(); ++j) {
    dx.dims[j + 1] = sizes[j];
    if (sizes[j] < 1 || windows[j].Outputs(sizes[j]) != dy.dim(j + 1)) {
      return BadSizes("input_dims of which a convolution makes dy's dims", attrs, in);
    }
  }
  return dx;
}

absl::StatusOr<TensorType> InferConvWeightGrad(const Attrs& attrs, Types in) {
  if (in.size() != 2) {
    return MakeError(ErrorCode::kBadGraph, "conv_weight_grad needs x and dy");
  }
  TATAMI_RETURN_IF_ERROR(CheckOperands(attrs, in, "x and dy"));
  const TensorType &x = in[0], &dy = in[1];
  const int64_t groups = attrs.Int("groups");
  const std::vector<int64_t>& kernel = attrs.Ints("kernel");
  if (static_cast<int>(kernel.size()) != x.rank() - 2) {
    return BadSizes("one kernel size per spatial dim", attrs, in);
  }
  if (x.dim(0) != dy.dim(0) || x.dim(-1) % groups != 0 || dy.dim(-1) % groups != 0) {
    return BadSizes("x and dy with equal N and groups dividing C and K", attrs, in);
  }
  TATAMI_ASSIGN_OR_RETURN(const DType dtype, ResultType(attrs, x.dtype));
  TensorType dw{dtype, {dy.dim(-1), x.dim(-1) / groups}};
  const auto windows = ReadWindows(attrs, kernel);
  for (size_t j = 0; j < windows.size(); ++j) {
    if (kernel[j] < 1 || windows[j].Outputs(x.dim(j + 1)) != dy.dim(j + 1)) {
      return BadSizes("a window that makes dy's dims from x's", attrs, in);
    }
    dw.dims.push_back(kernel[j]);
  }
  return dw;
}

// n o0.. (k | c) ci q0..; a fused relu needs whole sums, so it forbids cutting ci.
IndexRule ConvRule(const OpCall& call) {
  const ConvShape s = ShapeOfConv(call);
  IndexRule rule;
  const int n = Add(rule, "n", s.n, FactorKind::kParallel);
  const int o = AddPositions(rule, "o", s.out, FactorKind::kParallel);
  ChannelFactors channels;
  if (s.depthwise()) {
    channels.x = channels.w0 = channels.y = Add(rule, "c", s.k, FactorKind::kParallel);
  } else if (s.groups > 1) {
    channels.w0 = channels.y = Add(rule, "k", s.k, FactorKind::kWhole);
  } else {
    channels.w0 = channels.y = Add(rule, "k", s.k, FactorKind::kParallel);
    channels.x = channels.w1 =
        Add(rule, "ci", s.c,
            HasRelu(call.attrs) ? FactorKind::kWhole : FactorKind::kReduce);
  }
  const int q = AddTaps(rule, s);
  rule.inputs = {Activation(n, o, Maps(s, &WindowDim::Map), channels.x),
                 Weight(channels, q, s.spatial())};
  if (call.in.size() == 3) rule.inputs.push_back({{channels.y, {}}});
  rule.output = Activation(n, o, Maps(s, nullptr), channels.y);
  return rule;
}

// n i0.. (ci | c) k q0..
IndexRule ConvInputGradRule(const OpCall& call) {
  const ConvShape s = ShapeOfConvInputGrad(call);
  IndexRule rule;
  const int n = Add(rule, "n", s.n, FactorKind::kParallel);
  const int i = AddPositions(rule, "i", s.in, FactorKind::kParallel);
  ChannelFactors channels;
  if (s.depthwise()) {
    channels.x = channels.w0 = channels.y = Add(rule, "c", s.c, FactorKind::kParallel);
  } else if (s.groups > 1) {
    channels.x = Add(rule, "ci", s.c, FactorKind::kWhole);
  } else {
    channels.x = channels.w1 = Add(rule, "ci", s.c, FactorKind::kParallel);
    channels.y = channels.w0 = Add(rule, "k", s.k, FactorKind::kReduce);
  }
  const int q = AddTaps(rule, s);
  rule.inputs = {Activation(n, i, Maps(s, &WindowDim::AdjointMap), channels.y),
                 Weight(channels, q, s.spatial())};
  rule.output = Activation(n, i, Maps(s, nullptr), channels.x);
  return rule;
}

// (k | c) ci q0.. n o0..; samples and output positions are summed over.
IndexRule ConvWeightGradRule(const OpCall& call) {
  const ConvShape s = ShapeOfConvWeightGrad(call);
  IndexRule rule;
  ChannelFactors channels;
  if (s.depthwise()) {
    channels.x = channels.w0 = channels.y = Add(rule, "c", s.k, FactorKind::kParallel);
    channels.w1 = Add(rule, "ci", s.group_c(), FactorKind::kWhole);
  } else {
    const FactorKind kind = s.groups > 1 ? FactorKind::kWhole : FactorKind::kParallel;
    channels.w0 = channels.y = Add(rule, "k", s.k, kind);
    channels.w1 = Add(rule, "ci", s.group_c(), kind);
    if (s.groups == 1) channels.x = channels.w1;
  }
  const int q = AddTaps(rule, s);
  const int n = Add(rule, "n", s.n, FactorKind::kReduce);
  const int o = AddPositions(rule, "o", s.out, FactorKind::kReduce);
  rule.inputs = {Activation(n, o, Maps(s, &WindowDim::Map), channels.x),
                 Activation(n, o, Maps(s, nullptr), channels.y)};
  rule.output = Weight(channels, q, s.spatial());
  return rule;
}

OpCost ConvCost(const OpCall& call, const Box& factors) {
  if (IsEmpty(factors)) return {};
  const ConvShape s = ShapeOfConv(call);
  const IndexRule rule = ConvRule(call);
  int64_t taps = factors[0].size();
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountTaps(s.windows[j], factors[1 + j], s.in[j]);
  }
  OpCost cost{.matrix_flops = 2 * taps * ChannelPairs(rule, s, factors)};
  const int64_t elements = NumElements(OperandBox(rule.output, factors, call.out.dims));
  const int ci = rule.FindFactor("ci");
  const bool adds = call.in.size() == 3 && (ci < 0 || factors[ci].begin == 0);
  cost.vector_flops = elements * (adds + HasRelu(call.attrs));
  return cost;
}

OpCost ConvInputGradCost(const OpCall& call, const Box& factors) {
  if (IsEmpty(factors)) return {};
  const ConvShape s = ShapeOfConvInputGrad(call);
  int64_t taps = factors[0].size();
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountAdjointTaps(s.windows[j], factors[1 + j], s.out[j]);
  }
  return {.matrix_flops = 2 * taps * ChannelPairs(ConvInputGradRule(call), s, factors)};
}

OpCost ConvWeightGradCost(const OpCall& call, const Box& factors) {
  if (IsEmpty(factors)) return {};
  const ConvShape s = ShapeOfConvWeightGrad(call);
  const IndexRule rule = ConvWeightGradRule(call);
  const int n = rule.FindFactor("n");
  int64_t taps = factors[n].size();
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountTaps(s.windows[j], factors[n + 1 + j], s.in[j]);
  }
  return {.matrix_flops = 2 * taps * ChannelPairs(rule, s, factors)};
}

}  // namespace tatami
