// The op `conv`; its gradient ops are in conv_grads.cc, the oneDNN call in ops/kernels.
#include "ops/conv.h"

#include "ops/activation.h"
#include "ops/cast.h"
#include "ops/conv_reference.h"
#include "ops/conv_rule.h"
#include "ops/conv_samples.h"
#include "ops/kernels/onednn_conv.h"
#include "ops/reduce.h"
#include "ops/result_type.h"

namespace tatami {
namespace {

std::vector<int64_t> Middle(const Dims& dims) {
  return {dims.begin() + 1, dims.end() - 1};
}

std::vector<Value> ConvGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  const ConvOptions options = ReadConvOptions(site.attrs);
  const Value x = site.in[0], w = site.in[1];
  const Dims x_dims = g.type(x).dims, w_dims = g.type(w).dims;
  if (site.attrs.String("activation") == "relu") dy = ReluGrad(g, site.out, dy);
  dy = Cast(g, dy, g.type(x).dtype);
  std::vector<Value> grads = {
      ConvInputGrad(g, dy, w, Middle(x_dims), options),
      ConvWeightGrad(g, x, dy, {w_dims.begin() + 2, w_dims.end()}, options)};
  if (site.in.size() == 3) {
    std::vector<int64_t> lead;
    for (int d = 0; d + 1 < g.type(dy).rank(); ++d) lead.push_back(d);
    grads.push_back(ReduceSum(g, dy, lead));
  }
  return grads;
}

// A relu that follows becomes a part of the convolution, and so does a cast to f32.
std::optional<Attrs> ConvAbsorb(const OpCall& call, const OpCall& next) {
  if (*next.op->name != "relu" || call.attrs.String("activation") != "") {
    return AbsorbCastToF32(call, next);
  }
  Attrs attrs = call.attrs;
  attrs.Set("activation", std::string("relu"));
  return attrs;
}

constexpr Kernel kConvKernels[] = {{"onednn", OneDnnConvSupports<ConvPass::kForward>,
                                    OneDnnConvKey<ConvPass::kForward>,
                                    PrepareOneDnnConv<ConvPass::kForward>}};

Value MakeConv(GraphBuilder& g, std::vector<Value> in, const ConvOptions& options) {
  const int spatial = g.type(in[0]).rank() - 2;
  Attrs attrs{{"groups", options.groups}, {"activation", std::string()}};
  SetWindowAttrs(options.window, spatial < 0 ? 0 : spatial, attrs);
  return g.Call(ConvOp(), std::move(in), std::move(attrs));
}

}  // namespace

ConvOptions ReadConvOptions(const Attrs& attrs) {
  return {.window = {.stride = attrs.Ints("stride"),
                     .dilation = attrs.Ints("dilation"),
                     .pad_lo = attrs.Ints("pad_lo"),
                     .pad_hi = attrs.Ints("pad_hi")},
          .groups = attrs.Int("groups")};
}

Value Conv(GraphBuilder& g, Value x, Value w, const ConvOptions& options) {
  return MakeConv(g, {x, w}, options);
}

Value ConvBias(GraphBuilder& g, Value x, Value w, Value bias,
               const ConvOptions& options) {
  return MakeConv(g, {x, w, bias}, options);
}

const OpDef& ConvOp() {
  static const OpDef kOp = {
      .name = "conv",
      .summary = "2D or 3D convolution, channels-last; may add a bias and apply relu",
      .infer = InferConv,
      .rule = ConvRule,
      .cost = ConvCost,
      .gradient = ConvGradient,
      .reference = Reference::Of<ConvReference>(),
      .kernels = absl::MakeConstSpan(kConvKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = ConvAbsorb,
      .narrow = Operands::All(),
      .samples = ConvSamples,
  };
  return kOp;
}

}  // namespace tatami
