// The ops that the gradients of a convolution are made of, and, as they are each
// other's adjoints, the gradients of these.
#include <utility>

#include "ops/cast.h"
#include "ops/conv.h"
#include "ops/conv_reference.h"
#include "ops/conv_rule.h"
#include "ops/conv_samples.h"
#include "ops/kernels/onednn_conv.h"
#include "ops/result_type.h"

namespace tatami {
namespace {

std::vector<int64_t> KernelOf(const TensorType& w) {
  return {w.dims.begin() + 2, w.dims.end()};
}

// dx is linear in dy, with adjoint Conv, and in w, with adjoint ConvWeightGrad.
std::vector<Value> InputGradGradient(GraphBuilder& g, const CallSite& site, Value ddx) {
  const ConvOptions options = ReadConvOptions(site.attrs);
  const Value dy = site.in[0], w = site.in[1];
  ddx = Cast(g, ddx, g.type(dy).dtype);
  return {Conv(g, ddx, w, options),
          ConvWeightGrad(g, ddx, dy, KernelOf(g.type(w)), options)};
}

// dw is linear in x, with adjoint ConvInputGrad, and in dy, with adjoint Conv.
std::vector<Value> WeightGradGradient(GraphBuilder& g, const CallSite& site,
                                      Value ddw) {
  const ConvOptions options = ReadConvOptions(site.attrs);
  const Value x = site.in[0], dy = site.in[1];
  const Dims dims = g.type(x).dims;
  ddw = Cast(g, ddw, g.type(x).dtype);
  return {ConvInputGrad(g, dy, ddw, {dims.begin() + 1, dims.end() - 1}, options),
          Conv(g, x, ddw, options)};
}

constexpr Kernel kInputGradKernels[] = {
    {"onednn", OneDnnConvSupports<ConvPass::kInputGrad>,
     OneDnnConvKey<ConvPass::kInputGrad>, PrepareOneDnnConv<ConvPass::kInputGrad>}};
constexpr Kernel kWeightGradKernels[] = {
    {"onednn", OneDnnConvSupports<ConvPass::kWeightGrad>,
     OneDnnConvKey<ConvPass::kWeightGrad>, PrepareOneDnnConv<ConvPass::kWeightGrad>}};

Attrs AttrsOf(const GraphBuilder& g, Value activation, const ConvOptions& options) {
  const int spatial = g.type(activation).rank() - 2;
  Attrs attrs{{"groups", options.groups}};
  SetWindowAttrs(options.window, spatial < 0 ? 0 : spatial, attrs);
  return attrs;
}

}  // namespace

Value ConvInputGrad(GraphBuilder& g, Value dy, Value w,
                    const std::vector<int64_t>& input_dims,
                    const ConvOptions& options) {
  Attrs attrs = AttrsOf(g, dy, options);
  attrs.Set("input_dims", input_dims);
  return g.Call(ConvInputGradOp(), {dy, w}, std::move(attrs));
}

Value ConvWeightGrad(GraphBuilder& g, Value x, Value dy,
                     const std::vector<int64_t>& kernel, const ConvOptions& options) {
  Attrs attrs = AttrsOf(g, x, options);
  attrs.Set("kernel", kernel);
  return g.Call(ConvWeightGradOp(), {x, dy}, std::move(attrs));
}

Value ConvTranspose(GraphBuilder& g, Value x, Value w, const ConvOptions& options,
                    std::vector<int64_t> output_padding) {
  Attrs attrs = AttrsOf(g, x, options);
  const TensorType &xt = g.type(x), &wt = g.type(w);
  const int spatial = xt.rank() - 2;
  if (output_padding.empty() && spatial > 0) output_padding.assign(spatial, 0);
  std::vector<int64_t> sizes;
  // What does not fit together is left for the op's own check to refuse.
  if (spatial > 0 && wt.rank() == xt.rank() &&
      static_cast<int>(output_padding.size()) == spatial &&
      CheckWindowAttrs(attrs, spatial).ok()) {
    const std::vector<WindowDim> windows = ReadWindows(attrs, KernelOf(wt));
    for (int j = 0; j < spatial; ++j) {
      const WindowDim& v = windows[j];
      sizes.push_back((xt.dim(j + 1) - 1) * v.stride - v.pad_lo - v.pad_hi + v.span() +
                      output_padding[j]);
    }
  }
  attrs.Set("input_dims", sizes);
  return g.Call(ConvInputGradOp(), {x, w}, std::move(attrs));
}

const OpDef& ConvInputGradOp() {
  static const OpDef kOp = {
      .name = "conv_input_grad",
      .summary = "gradient of conv by x; also the transposed convolution",
      .infer = InferConvInputGrad,
      .rule = ConvInputGradRule,
      .cost = ConvInputGradCost,
      .gradient = InputGradGradient,
      .reference = Reference::Of<ConvInputGradReference>(),
      .kernels = absl::MakeConstSpan(kInputGradKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = AbsorbCastToF32,
      .narrow = Operands::All(),
      .samples = ConvInputGradSamples,
  };
  return kOp;
}

const OpDef& ConvWeightGradOp() {
  static const OpDef kOp = {
      .name = "conv_weight_grad",
      .summary = "gradient of conv by w",
      .infer = InferConvWeightGrad,
      .rule = ConvWeightGradRule,
      .cost = ConvWeightGradCost,
      .gradient = WeightGradGradient,
      .reference = Reference::Of<ConvWeightGradReference>(),
      .kernels = absl::MakeConstSpan(kWeightGradKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = AbsorbCastToF32,
      .narrow = Operands::All(),
      .samples = ConvWeightGradSamples,
  };
  return kOp;
}

}  // namespace tatami
