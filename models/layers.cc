#include "models/layers.h"

#include <cmath>

#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/batch_norm.h"
#include "ops/matmul.h"

namespace tatami {
namespace {

constexpr double kBatchNormEpsilon = 1e-5;  // PyTorch's default
constexpr double kStatisticsMomentum = 0.1;

ConvOptions SamePadding(const std::vector<int64_t>& kernel,
                        std::vector<int64_t> stride) {
  ConvOptions options;
  for (size_t d = 0; d < kernel.size(); ++d) {
    options.window.dilation.push_back(1);
    options.window.pad_lo.push_back(kernel[d] / 2);
    options.window.pad_hi.push_back(kernel[d] / 2);
  }
  options.window.stride = std::move(stride);
  return options;
}

}  // namespace

Value LayerBuilder::Parameter(absl::string_view name, Dims dims, Init init) {
  parameters_.push_back(
      g_.State(name, {DType::kF32, std::move(dims)}, init, /*trainable=*/true));
  return parameters_.back();
}

Value LayerBuilder::ConvWeight(Value x, int64_t channels,
                               const std::vector<int64_t>& kernel, double gain) {
  const int64_t in = g_.type(x).rank() > 0 ? g_.type(x).dim(-1) : 1;
  Dims dims = {channels, in};
  int64_t fan_in = in;
  for (int64_t k : kernel) {
    dims.push_back(k);
    fan_in *= k;
  }
  return Parameter("weight", dims,
                   {Init::kNormal, gain / std::sqrt(static_cast<double>(fan_in))});
}

Value LayerBuilder::Conv(absl::string_view name, Value x, int64_t channels,
                         std::vector<int64_t> kernel, std::vector<int64_t> stride,
                         CallerLine here) {
  const GraphBuilder::Scope scope(g_, name, here);
  const Value w = ConvWeight(x, channels, kernel, std::sqrt(2.0));
  return tatami::Conv(g_, x, w, SamePadding(kernel, std::move(stride)));
}

Value LayerBuilder::ConvWithBias(absl::string_view name, Value x, int64_t channels,
                                 std::vector<int64_t> kernel, double gain,
                                 CallerLine here) {
  const GraphBuilder::Scope scope(g_, name, here);
  const Value w = ConvWeight(x, channels, kernel, gain);
  const Value bias = Parameter("bias", {channels}, {});
  return ConvBias(g_, x, w, bias,
                  SamePadding(kernel, std::vector<int64_t>(kernel.size(), 1)));
}

Value LayerBuilder::BatchNorm(absl::string_view name, Value x, CallerLine here) {
  const GraphBuilder::Scope scope(g_, name, here);
  const int64_t channels = g_.type(x).rank() > 0 ? g_.type(x).dim(-1) : 1;
  const Value gamma = Parameter("gamma", {channels}, {Init::kConstant, 1.0});
  const Value beta = Parameter("beta", {channels}, {});
  const TensorType type{DType::kF32, {channels}};
  const Value mean = g_.State("mean", type, {}, /*trainable=*/false);
  const Value variance = g_.State("variance", type, {Init::kConstant, 1.0}, false);
  if (mode_ == Mode::kEvaluate) {
    return BatchNormInference(g_, x, mean, variance, gamma, beta, kBatchNormEpsilon);
  }
  const BatchNormResult result =
      tatami::BatchNorm(g_, x, gamma, beta, kBatchNormEpsilon);
  const auto blend = [&](Value running, Value batch, double scale) {
    g_.Update(running, Add(g_, Affine(g_, running, 1 - kStatisticsMomentum, 0),
                           Affine(g_, batch, kStatisticsMomentum * scale, 0)));
  };
  const double count =
      static_cast<double>(g_.type(x).num_elements()) / static_cast<double>(channels);
  blend(mean, result.mean, 1);
  // The running variance is the unbiased one.
  blend(variance, result.variance, count > 1 ? count / (count - 1) : 1);
  return result.y;
}

Value LayerBuilder::ConvBlock(absl::string_view name, Value x, int64_t channels,
                              std::vector<int64_t> kernel, std::vector<int64_t> stride,
                              CallerLine here) {
  const GraphBuilder::Scope scope(g_, name, here);
  return Relu(g_, BatchNorm("norm",
                            Conv("conv", x, channels, std::move(kernel),
                                 std::move(stride), here),
                            here));
}

Value LayerBuilder::Linear(absl::string_view name, Value x, int64_t features,
                           CallerLine here) {
  const GraphBuilder::Scope scope(g_, name, here);
  const int64_t in = g_.type(x).rank() == 2 ? g_.type(x).dim(1) : 1;
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const Value w = Parameter("weight", {features, in}, {Init::kUniform, bound});
  const Value b = Parameter("bias", {features}, {});
  return Add(g_, Matmul(g_, x, w, {.transpose_b = 1}), b);
}

}  // namespace tatami
