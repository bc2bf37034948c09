#include "models/resnet.h"

#include "absl/strings/str_cat.h"
#include "models/layers.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/loss.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

struct Architecture {
  bool bottleneck = false;
  int64_t width = 64;
  std::vector<int> blocks;  // per stage
  bool small_stem = false;  // one 3x3 convolution instead of 7x7/2 and a max pool
};

Architecture ArchitectureOf(const ModelPreset& preset) {
  if (preset.name == "resnet18") return {.blocks = {2, 2, 2, 2}};
  if (preset.name == "resnet34") return {.blocks = {3, 4, 6, 3}};
  if (preset.name == "resnet50") return {.bottleneck = true, .blocks = {3, 4, 6, 3}};
  return {.width = 16, .blocks = {1, 1, 1}, .small_stem = true};  // resnet-tiny
}

Value Block(LayerBuilder& b, Value x, const Architecture& a, int64_t width,
            int64_t stride) {
  const int64_t out = a.bottleneck ? 4 * width : width;
  Value y = x;
  if (a.bottleneck) {
    y = b.ConvBlock("reduce", y, width, {1, 1}, {1, 1});
    y = b.ConvBlock("space", y, width, {3, 3}, {stride, stride});
    y = b.BatchNorm("expand_norm", b.Conv("expand", y, out, {1, 1}, {1, 1}));
  } else {
    y = b.ConvBlock("first", y, width, {3, 3}, {stride, stride});
    y = b.BatchNorm("second_norm", b.Conv("second", y, out, {3, 3}, {1, 1}));
  }
  if (stride != 1 || b.g().type(x).dim(-1) != out) {
    x = b.BatchNorm("shortcut_norm",
                    b.Conv("shortcut", x, out, {1, 1}, {stride, stride}));
  }
  return Relu(b.g(), Add(b.g(), y, x));
}

}  // namespace

std::vector<ModelPreset> ResnetPresets() {
  const auto preset = [](std::string name, std::string summary, int64_t size,
                         int64_t classes, std::string machine, std::string mesh) {
    return ModelPreset{.name = std::move(name),
                       .summary = std::move(summary),
                       .task = "classification",
                       .height = size,
                       .width = size,
                       .batch = 8,
                       .classes = classes,
                       .machine = std::move(machine),
                       .mesh = std::move(mesh),
                       .steps = 20,
                       .learning_rate = 0.05};
  };
  return {preset("resnet-tiny", "three basic blocks on 32x32", 32, 10, "d1_die", "4x4"),
          preset("resnet18", "ResNet-18 on 224x224", 224, 1000, "host", "1x1"),
          preset("resnet34", "ResNet-34 on 224x224", 224, 1000, "host", "1x1"),
          preset("resnet50", "ResNet-50 v1.5 on 224x224", 224, 1000, "host", "1x1")};
}

BuiltModel BuildResnet(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                       Mode mode) {
  const Architecture a = ArchitectureOf(preset);
  LayerBuilder b(g, mode);
  const Value images =
      g.BatchInput("images", {DType::kF32, {batch, preset.height, preset.width, 3}});
  const Value labels = g.BatchInput("labels", {DType::kI32, {batch}});
  Value x = a.small_stem ? b.ConvBlock("stem", images, a.width, {3, 3}, {1, 1})
                         : b.ConvBlock("stem", images, a.width, {7, 7}, {2, 2});
  if (!a.small_stem) {
    x = MaxPool(g, x,
                {.kernel = {3, 3},
                 .window = {.stride = {2, 2}, .pad_lo = {1, 1}, .pad_hi = {1, 1}}});
  }
  for (size_t stage = 0; stage < a.blocks.size(); ++stage) {
    for (int i = 0; i < a.blocks[stage]; ++i) {
      const GraphBuilder::Scope scope(g, absl::StrCat("stage", stage, ".", i));
      x = Block(b, x, a, a.width << stage, stage > 0 && i == 0 ? 2 : 1);
    }
  }
  const Value logits =
      b.Linear("classify", ReduceMean(g, x, {1, 2}, {}), preset.classes);
  BuiltModel out;
  out.loss = SoftmaxCrossEntropyLoss(g, logits, labels, {});
  g.Output("loss", out.loss);
  if (mode == Mode::kEvaluate) g.Output("logits", logits);
  out.parameters = b.parameters();
  return out;
}

}  // namespace tatami
