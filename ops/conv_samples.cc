#include "ops/conv_samples.h"

#include <string>

#include "ops/conv_rule.h"

namespace tatami {
namespace {

struct Case {
  std::string name;
  Dims x, w;  // x[N,..,C], w[K,C/groups,kernel..]
  WindowOptions window;
  int64_t groups = 1;
  DType dtype = DType::kF32;
  bool wide_result = false;  // stored in f32 whatever the operands are
};

std::vector<Case> Cases() {
  return {
      {"3x3_same", {2, 5, 6, 3}, {4, 3, 3, 3}, {{}, {}, {1, 1}, {1, 1}}},
      {"1x1", {1, 4, 3, 5}, {3, 5, 1, 1}, {}},
      {"1x1_stride_2", {1, 7, 6, 2}, {3, 2, 1, 1}, {{2, 2}, {}, {}, {}}},
      {"3x3_stride_2", {1, 7, 8, 2}, {3, 2, 3, 3}, {{2, 2}, {}, {1, 1}, {1, 1}}},
      {"asymmetric", {1, 6, 7, 2}, {2, 2, 3, 2}, {{2, 1}, {}, {0, 1}, {1, 0}}},
      {"dilated", {1, 8, 9, 2}, {2, 2, 3, 3}, {{}, {2, 2}, {2, 2}, {2, 2}}},
      {"dilated_stride_2",
       {1, 9, 8, 2},
       {2, 2, 3, 3},
       {{2, 2}, {2, 2}, {2, 1}, {2, 1}}},
      {"stride_past_kernel", {1, 8, 7, 2}, {2, 2, 2, 1}, {{3, 3}, {}, {}, {}}},
      {"only_padding_outside", {1, 2, 3, 1}, {2, 1, 2, 2}, {{}, {}, {2, 1}, {2, 1}}},
      {"depthwise", {1, 5, 6, 4}, {4, 1, 3, 3}, {{2, 1}, {}, {1, 1}, {1, 1}}, 4},
      {"grouped", {1, 4, 5, 4}, {6, 2, 3, 3}, {{}, {}, {1, 1}, {1, 1}}, 2},
      {"video_1x3x3", {1, 3, 4, 5, 2}, {3, 2, 1, 3, 3}, {{}, {}, {0, 1, 1}, {0, 1, 1}}},
      {"video_causal", {1, 5, 2, 3, 2}, {2, 2, 3, 1, 1}, {{}, {}, {2, 0, 0}, {}}},
      {"video_3x3x3",
       {1, 4, 5, 4, 2},
       {2, 2, 3, 3, 3},
       {{1, 2, 2}, {}, {1, 1, 1}, {1, 1, 1}}},
      {"bf16", {1, 5, 4, 4}, {3, 4, 3, 3}, {{}, {}, {1, 1}, {1, 1}}, 1, DType::kBF16},
      {"bf16_to_f32",
       {1, 5, 4, 4},
       {3, 4, 3, 3},
       {{2, 1}, {}, {1, 1}, {1, 1}},
       1,
       DType::kBF16,
       true},
  };
}

struct Sized {
  OpSample sample;  // of conv
  TensorType y;
  std::vector<int64_t> in, kernel;
};

Sized Lay(const Case& c) {
  Sized s;
  s.in = {c.x.begin() + 1, c.x.end() - 1};
  s.kernel = {c.w.begin() + 2, c.w.end()};
  s.sample = {c.name, {{c.dtype, c.x}, {c.dtype, c.w}}, Attrs{{"groups", c.groups}}};
  if (c.wide_result) s.sample.attrs.Set("dtype", std::string("f32"));
  SetWindowAttrs(c.window, static_cast<int>(s.in.size()), s.sample.attrs);
  const auto windows = ReadWindows(s.sample.attrs, s.kernel);
  s.y = {c.dtype, c.x};
  for (size_t j = 0; j < windows.size(); ++j) {
    s.y.dims[j + 1] = windows[j].Outputs(c.x[j + 1]);
  }
  s.y.dims.back() = c.w[0];
  return s;
}

}  // namespace

std::vector<OpSample> ConvSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    OpSample sample = Lay(c).sample;
    sample.attrs.Set("activation", std::string());
    samples.push_back(sample);
    if (c.name != "3x3_same" && c.name != "depthwise" && c.name != "video_causal") {
      continue;
    }
    sample.in.push_back({c.dtype, {c.w[0]}});
    sample.name = c.name + "_bias";
    samples.push_back(sample);
    sample.attrs.Set("activation", std::string("relu"));
    sample.name = c.name + "_bias_relu";
    samples.push_back(sample);
  }
  return samples;
}

std::vector<OpSample> ConvInputGradSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    Sized s = Lay(c);
    s.sample.in[0] = s.y;
    s.sample.attrs.Set("input_dims", s.in);
    samples.push_back(s.sample);
  }
  return samples;
}

std::vector<OpSample> ConvWeightGradSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    Sized s = Lay(c);
    s.sample.in[1] = s.y;
    s.sample.attrs.Set("kernel", s.kernel);
    samples.push_back(s.sample);
  }
  return samples;
}

}  // namespace tatami
