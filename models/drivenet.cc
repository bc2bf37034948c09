#include "models/drivenet.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/layers.h"
#include "ops/arithmetic.h"
#include "ops/concat.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"

namespace tatami {
namespace {

// Channels of the pyramid's levels, finest first; each level halves height and width.
std::vector<int64_t> LevelChannels(const ModelPreset& preset) {
  if (absl::StrContains(preset.name, "tiny")) return {8, 12, 16};
  if (absl::StrContains(preset.name, "full")) return {16, 32, 64, 128};
  return {16, 24, 32};
}

// A 3x3 convolution within each frame, then one over three frames in time.
Value SpaceTimeBlock(LayerBuilder& b, absl::string_view name, Value x, int64_t channels,
                     int64_t stride) {
  const GraphBuilder::Scope scope(b.g(), name);
  const Value space = b.ConvBlock("space", x, channels, {1, 3, 3}, {1, stride, stride});
  return b.ConvBlock("time", space, channels, {3, 1, 1}, {1, 1, 1});
}

// The trunk's features, finest first.
std::vector<Value> Trunk(LayerBuilder& b, Value x,
                         const std::vector<int64_t>& channels) {
  const GraphBuilder::Scope scope(b.g(), "trunk");
  std::vector<Value> levels;
  for (size_t i = 0; i < channels.size(); ++i) {
    x = SpaceTimeBlock(b, absl::StrCat("level", i), x, channels[i], i == 0 ? 1 : 2);
    levels.push_back(x);
  }
  return levels;
}

// Carries coarse features down to the finest level: resize, add the level's own.
Value Pyramid(LayerBuilder& b, const std::vector<Value>& levels,
              const std::vector<int64_t>& channels) {
  const GraphBuilder::Scope scope(b.g(), "pyramid");
  Value top = levels.back();
  for (size_t i = levels.size() - 1; i-- > 0;) {
    const GraphBuilder::Scope level(b.g(), absl::StrCat("level", i));
    const TensorType& type = b.g().type(levels[i]);
    const Value narrow = b.Conv("lateral", top, channels[i], {1, 1, 1}, {1, 1, 1});
    const Value coarse = Resize(b.g(), narrow, type.dim(2), type.dim(3));
    top = b.ConvBlock("merge", Add(b.g(), coarse, levels[i]), channels[i], {1, 3, 3},
                      {1, 1, 1});
  }
  return top;
}

// Head A. The mean squared error over hidden pixels trains it.
Value ReconstructionLoss(LayerBuilder& b, Value features, Value frames, Value mask) {
  GraphBuilder& g = b.g();
  const GraphBuilder::Scope scope(g, "head");
  const Value filled = b.ConvWithBias("fill", features, 3, {1, 3, 3}, 0.1);
  const Value wrong = Mul(g, Sub(g, filled, frames), mask);
  const Value error = ReduceSumSquares(g, wrong, {0, 1, 2, 3, 4}, {});
  const Value hidden = ReduceSum(g, mask, {0, 1, 2, 3, 4}, {});
  if (b.mode() == Mode::kEvaluate) {
    g.Output("filled", filled);
    g.Output("hidden_error", error);
  }
  return Div(g, error, Affine(g, hidden, 3, 0));  // three colours per hidden pixel
}

// Head B.
Value SteeringLoss(LayerBuilder& b, const std::vector<Value>& levels, Value labels) {
  GraphBuilder& g = b.g();
  const GraphBuilder::Scope scope(g, "head");
  // Over time the features are averaged; where in the picture they are matters.
  const Value still = ReduceMean(g, levels.back(), {1}, {});
  const Value small = b.ConvBlock("shrink", still, 16, {3, 3}, {2, 2});
  const TensorType& type = g.type(small);
  const Value flat = Reshape(
      g, small, {type.dim(0), type.num_elements() / std::max<int64_t>(1, type.dim(0))});
  const Value angle = b.Linear("steer", flat, 1);
  const Value wrong = Sub(g, angle, labels);
  if (b.mode() == Mode::kEvaluate) {
    g.Output("angle", angle);
    g.Output("abs_error", ReduceSum(g, Abs(g, wrong), {0, 1}, {}));
  }
  return ReduceMean(g, Square(g, wrong), {0, 1}, {});
}

}  // namespace

std::vector<ModelPreset> DrivenetPresets() {
  ModelPreset small{
      .name = "drivenet-small",
      .summary = "video trunk, fills hidden patches of 4 frames of 64x112",
      .task = "reconstruction",
      .frames = 4,
      .height = 64,
      .width = 112,
      .batch = 2,
      .machine = "d1_die",
      .mesh = "8x8",
      .steps = 400,
      .learning_rate = 4e-3,
      .weight_decay = 0.01};
  ModelPreset tiny = small;
  tiny.name = "drivenet-tiny";
  tiny.summary = "the same on 2 frames of 16x24, for tests";
  tiny.frames = 2, tiny.height = 16, tiny.width = 24, tiny.mesh = "2x2",
  tiny.steps = 50;
  ModelPreset full = small;
  full.name = "drivenet-full";
  full.summary =
      "four cameras of 4 frames of 240x480 as one batch; compiled, not trained here";
  full.frames = 4, full.height = 240, full.width = 480, full.batch = 4;
  full.machine = "dojo_tile", full.mesh = "30x60";
  ModelPreset steering = small;
  steering.name = "drivenet-steering";
  steering.summary = "video trunk, predicts the steering angle from 4 frames of 64x112";
  steering.task = "steering";
  steering.batch = 4;
  steering.steps = 300;
  steering.learning_rate = 1e-3;
  return {full, small, steering, tiny};
}

BuiltModel BuildDrivenet(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                         Mode mode) {
  LayerBuilder b(g, mode);
  const std::vector<int64_t> channels = LevelChannels(preset);
  const Dims dims = {batch, preset.frames, preset.height, preset.width, 3};
  const Value frames = g.BatchInput("frames", {DType::kF32, dims});
  BuiltModel out;
  if (preset.task == "steering") {
    const Value labels = g.BatchInput("labels", {DType::kF32, {batch, 1}});
    out.loss = SteeringLoss(b, Trunk(b, frames, channels), labels);
  } else {
    Dims mask_dims = dims;
    mask_dims.back() = 1;
    const Value mask = g.BatchInput("mask", {DType::kF32, mask_dims});
    const Value shown = Mul(g, frames, Affine(g, mask, -1, 1));
    const Value x = Concat(g, {shown, mask}, 4);
    const Value features = Pyramid(b, Trunk(b, x, channels), channels);
    out.loss = ReconstructionLoss(b, features, frames, mask);
  }
  g.Output("loss", out.loss);
  out.parameters = b.parameters();
  return out;
}

}  // namespace tatami
