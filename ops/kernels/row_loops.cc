#include "ops/kernels/row_loops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/vector_math.h"

namespace tatami {
namespace {

using vector_math::ExpF32;

const float* Floats(const std::byte* data) {
  return reinterpret_cast<const float*>(data);
}

// Independent lanes let compilers vectorise a reduction without reordering it at will.
constexpr int64_t kLanes = 16;

// The sum of f(0) .. f(n - 1).
template <typename F>
float SumOf(int64_t n, F f) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += f(i + l);
  }
  float rest = 0;
  for (; i < n; ++i) rest += f(i);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0] + rest;
}

float MaxOf(const float* x, int64_t n) {
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, x[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      lanes[l] = lanes[l] < x[i + l] ? x[i + l] : lanes[l];
    }
  }
  for (; i < n; ++i) lanes[0] = lanes[0] < x[i] ? x[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes);
}

struct RowStatistics {
  float mean, reciprocal_deviation;
};
RowStatistics StatisticsOf(const float* x, int64_t n, float epsilon) {
  const auto count = static_cast<float>(n);
  const float mean = SumOf(n, [&](int64_t i) { return x[i]; }) / count;
  const float variance =
      SumOf(n, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); }) / count;
  return {mean, 1.f / std::sqrt(variance + epsilon)};
}

// Calls run(offset, n) for each row of n elements of the box.
template <typename F>
void ForEachRow(const Box& box, F run) {
  const int64_t n = box.back().size(), elements = NumElements(box);
  for (int64_t offset = 0; offset < elements; offset += n) run(offset, n);
}

}  // namespace

void RunSoftmax(const LocalCall& at, absl::Span<const std::byte* const> in,
                std::byte* out) {
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float* x = Floats(in[0]) + offset;
    float* y = reinterpret_cast<float*>(out) + offset;
    const float largest = MaxOf(x, n);
    for (int64_t i = 0; i < n; ++i) y[i] = ExpF32(x[i] - largest);
    const float scale = 1.f / SumOf(n, [&](int64_t i) { return y[i]; });
    for (int64_t i = 0; i < n; ++i) y[i] *= scale;
  });
}

void RunLogSoftmax(const LocalCall& at, absl::Span<const std::byte* const> in,
                   std::byte* out) {
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float* x = Floats(in[0]) + offset;
    float* y = reinterpret_cast<float*>(out) + offset;
    const float largest = MaxOf(x, n);
    const float sum = SumOf(n, [&](int64_t i) { return ExpF32(x[i] - largest); });
    const float log_sum = std::log(sum);
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - largest) - log_sum;
  });
}

void RunSoftmaxGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                    std::byte* out) {
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float *y = Floats(in[0]) + offset, *dy = Floats(in[1]) + offset;
    float* dx = reinterpret_cast<float*>(out) + offset;
    const float sum = SumOf(n, [&](int64_t i) { return dy[i] * y[i]; });
    for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - sum);
  });
}

void RunLogSoftmaxGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                       std::byte* out) {
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float *y = Floats(in[0]) + offset, *dy = Floats(in[1]) + offset;
    float* dx = reinterpret_cast<float*>(out) + offset;
    const float sum = SumOf(n, [&](int64_t i) { return dy[i]; });
    for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] - ExpF32(y[i]) * sum;
  });
}

void RunLayerNorm(const LocalCall& at, absl::Span<const std::byte* const> in,
                  std::byte* out) {
  const auto epsilon = static_cast<float>(at.call->attrs.Double("epsilon"));
  const float *gamma = Floats(in[1]), *beta = Floats(in[2]);
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float* x = Floats(in[0]) + offset;
    float* y = reinterpret_cast<float*>(out) + offset;
    const auto [mean, r] = StatisticsOf(x, n, epsilon);
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * r * gamma[i] + beta[i];
  });
}

void RunLayerNormInputGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                           std::byte* out) {
  const auto epsilon = static_cast<float>(at.call->attrs.Double("epsilon"));
  const float* gamma = Floats(in[1]);
  ForEachRow(at.out, [&](int64_t offset, int64_t n) {
    const float *x = Floats(in[0]) + offset, *dy = Floats(in[2]) + offset;
    float* dx = reinterpret_cast<float*>(out) + offset;
    const RowStatistics s = StatisticsOf(x, n, epsilon);
    const float mean = s.mean, r = s.reciprocal_deviation;
    const auto count = static_cast<float>(n);
    const float sum = SumOf(n, [&](int64_t i) { return dy[i] * gamma[i]; }) / count;
    const float product =
        SumOf(n, [&](int64_t i) { return dy[i] * gamma[i] * ((x[i] - mean) * r); }) /
        count;
    for (int64_t i = 0; i < n; ++i) {
      dx[i] = r * (dy[i] * gamma[i] - sum - (x[i] - mean) * r * product);
    }
  });
}

void RunLayerNormParamGrads(const LocalCall& at, absl::Span<const std::byte* const> in,
                            std::byte* out) {
  // Rows are summed in blocks and blocks after that, to round less often.
  constexpr int64_t kRows = 128;
  const auto epsilon = static_cast<float>(at.call->attrs.Double("epsilon"));
  const int64_t n = at.out[1].size();
  auto* total = reinterpret_cast<float*>(out);
  std::fill_n(total, 2 * n, 0.f);
  std::vector<float> block(2 * n, 0.f);
  int64_t rows = 0;
  const auto flush = [&] {
    for (int64_t i = 0; i < 2 * n; ++i) total[i] += block[i];
    std::fill(block.begin(), block.end(), 0.f);
    rows = 0;
  };
  ForEachRow(at.in[0], [&](int64_t offset, int64_t width) {
    const float *x = Floats(in[0]) + offset, *dy = Floats(in[1]) + offset;
    const auto [mean, r] = StatisticsOf(x, width, epsilon);
    float *sum = block.data(), *product = sum + width;
    for (int64_t i = 0; i < width; ++i) {
      sum[i] += dy[i];
      product[i] += dy[i] * ((x[i] - mean) * r);
    }
    if (++rows == kRows) flush();
  });
  flush();
}

}  // namespace tatami
