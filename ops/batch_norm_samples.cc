#include "ops/batch_norm_samples.h"

namespace tatami {
namespace {

// in[1] and in[2] become the mean and the biased variance of in[0] by channel.
void DeriveStatistics(const OpSample& sample, std::vector<std::vector<double>>& in) {
  const int64_t channels = sample.in[0].dim(-1);
  const int64_t count = sample.in[0].num_elements() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0, variance = 0;
    for (int64_t r = 0; r < count; ++r) mean += in[0][r * channels + c] / count;
    for (int64_t r = 0; r < count; ++r) {
      const double d = in[0][r * channels + c] - mean;
      variance += d * d / count;
    }
    in[1][c] = mean;
    in[2][c] = variance;
  }
}

// Cases of at most 24 positions: the error bounds of the gradient ops use that.
struct Case {
  std::string name;
  Dims x;
  DType dtype = DType::kF32;
};
std::vector<Case> Cases() {
  return {{"nhwc", {2, 3, 4, 5}},
          {"nthwc", {1, 3, 4, 2, 3}},
          {"rows", {5, 19}},
          {"bf16", {2, 5, 4}, DType::kBF16}};
}

TensorType X(const Case& c) { return {c.dtype, c.x}; }
TensorType Vector(const Case& c) { return {DType::kF32, {c.x.back()}}; }
constexpr double kEpsilon = 1e-3;

}  // namespace

std::vector<OpSample> BatchNormSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    OpSample sample{c.name,
                    {X(c), Vector(c), Vector(c), Vector(c), Vector(c)},
                    Attrs{{"epsilon", kEpsilon},
                          {"activation", std::string()},
                          {"statistics", std::string("batch")}},
                    {},
                    DeriveStatistics};
    samples.push_back(sample);
    if (c.name != "nhwc") continue;
    sample.name = "relu";
    sample.attrs.Set("activation", std::string("relu"));
    samples.push_back(sample);
    sample.name = "given";
    sample.attrs.Set("activation", std::string());
    sample.attrs.Set("statistics", std::string("given"));
    sample.derive = nullptr;
    sample.domains = {{}, {}, {0.25, 1}, {}, {}};
    samples.push_back(sample);
  }
  return samples;
}

std::vector<OpSample> BatchNormGradSumsSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    samples.push_back({c.name,
                       {X(c), Vector(c), Vector(c), X(c)},
                       Attrs{{"epsilon", kEpsilon}},
                       {},
                       DeriveStatistics});
  }
  return samples;
}

std::vector<OpSample> BatchNormInputGradSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    samples.push_back(
        {c.name,
         {X(c), Vector(c), Vector(c), Vector(c), {DType::kF32, {2, c.x.back()}}, X(c)},
         Attrs{{"epsilon", kEpsilon}},
         {{}, {}, {0.25, 1}, {}, {}, {}}});
  }
  return samples;
}

}  // namespace tatami
