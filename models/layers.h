// Layers that several families share: an op with its states.
#pragma once

#include "core/graph.h"
#include "models/model.h"
#include "ops/conv.h"

namespace tatami {

// Builds layers into one graph and collects their parameters. The calls of a layer come
// from `here`, the line of the model that asks for the layer.
class LayerBuilder {
 public:
  LayerBuilder(GraphBuilder& g, Mode mode) : g_(g), mode_(mode) {}

  GraphBuilder& g() { return g_; }
  Mode mode() const { return mode_; }
  const std::vector<Value>& parameters() const { return parameters_; }

  // A state "NAME" under the present scope that an optimizer updates.
  Value Parameter(absl::string_view name, Dims dims, Init init);

  // Convolution without bias; weight He-normal over fan-in (He et al. 2015, eq. 10).
  // `kernel` has one size per spatial dim, "same" padding for stride 1, halves (rounded
  // up) for stride 2.
  Value Conv(absl::string_view name, Value x, int64_t channels,
             std::vector<int64_t> kernel, std::vector<int64_t> stride,
             CallerLine here = CallerLine::Current());
  // As Conv, with a bias that starts at zero and weights scaled by `gain`.
  Value ConvWithBias(absl::string_view name, Value x, int64_t channels,
                     std::vector<int64_t> kernel, double gain,
                     CallerLine here = CallerLine::Current());
  // Batch norm; in kTrain also updates the running statistics "NAME.mean" and
  // "NAME.variance" with momentum 0.1, as PyTorch does.
  Value BatchNorm(absl::string_view name, Value x,
                  CallerLine here = CallerLine::Current());
  // Conv, batch norm, relu.
  Value ConvBlock(absl::string_view name, Value x, int64_t channels,
                  std::vector<int64_t> kernel, std::vector<int64_t> stride,
                  CallerLine here = CallerLine::Current());
  // x [N, C] -> [N, features].
  Value Linear(absl::string_view name, Value x, int64_t features,
               CallerLine here = CallerLine::Current());

 private:
  Value ConvWeight(Value x, int64_t channels, const std::vector<int64_t>& kernel,
                   double gain);

  GraphBuilder& g_;
  Mode mode_;
  std::vector<Value> parameters_;
};

}  // namespace tatami
