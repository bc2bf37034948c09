#include "ops/kernels/channel_loops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/channel_shape.h"

namespace tatami {
namespace {

const float* Floats(const std::byte* data) {
  return reinterpret_cast<const float*>(data);
}

// Sums over rows in blocks, then over blocks: of n rows the error is about
// (128 + n/128) roundings instead of n. `add(row, sums)` adds one row to `width` sums.
template <typename Add>
void SumRows(int64_t rows, int64_t width, float* total, Add add) {
  constexpr int64_t kRows = 128;
  std::vector<float> block(width);
  std::fill_n(total, width, 0.f);
  for (int64_t begin = 0; begin < rows; begin += kRows) {
    std::fill(block.begin(), block.end(), 0.f);
    const int64_t end = std::min(rows, begin + kRows);
    for (int64_t r = begin; r < end; ++r) add(r, block.data());
    for (int64_t c = 0; c < width; ++c) total[c] += block[c];
  }
}

std::vector<float> ReciprocalDeviation(const float* variance, int64_t channels,
                                       const Attrs& attrs) {
  const auto epsilon = static_cast<float>(attrs.Double("epsilon"));
  std::vector<float> r(channels);
  for (int64_t c = 0; c < channels; ++c) r[c] = 1.f / std::sqrt(variance[c] + epsilon);
  return r;
}

}  // namespace

void RunChannelMean(const LocalCall& at, absl::Span<const std::byte* const> in,
                    std::byte* out) {
  const float* x = Floats(in[0]);
  auto* mean = reinterpret_cast<float*>(out);
  const int64_t channels = at.out[0].size();
  SumRows(NumElements(at.in[0]) / channels, channels, mean, [&](int64_t r, float* sum) {
    const float* row = x + r * channels;
    for (int64_t c = 0; c < channels; ++c) sum[c] += row[c];
  });
  const float scale = 1.f / static_cast<float>(Positions(at.call->in[0]));
  for (int64_t c = 0; c < channels; ++c) mean[c] *= scale;
}

void RunChannelVariance(const LocalCall& at, absl::Span<const std::byte* const> in,
                        std::byte* out) {
  const float *x = Floats(in[0]), *mean = Floats(in[1]);
  auto* variance = reinterpret_cast<float*>(out);
  const int64_t channels = at.out[0].size();
  SumRows(NumElements(at.in[0]) / channels, channels, variance,
          [&](int64_t r, float* sum) {
            const float* row = x + r * channels;
            for (int64_t c = 0; c < channels; ++c) {
              const float d = row[c] - mean[c];
              sum[c] += d * d;
            }
          });
  const float scale = 1.f / static_cast<float>(Positions(at.call->in[0]));
  for (int64_t c = 0; c < channels; ++c) variance[c] *= scale;
}

void RunBatchNorm(const LocalCall& at, absl::Span<const std::byte* const> in,
                  std::byte* out) {
  const float *x = Floats(in[0]), *mean = Floats(in[1]), *variance = Floats(in[2]),
              *gamma = Floats(in[3]), *beta = Floats(in[4]);
  auto* y = reinterpret_cast<float*>(out);
  const int64_t channels = at.out.back().size();
  const int64_t rows = NumElements(at.out) / channels;
  const bool relu = at.call->attrs.String("activation") == "relu";
  std::vector<float> scale = ReciprocalDeviation(variance, channels, at.call->attrs);
  for (int64_t c = 0; c < channels; ++c) scale[c] *= gamma[c];
  const float* s = scale.data();
  for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
    if (relu) {
      for (int64_t c = 0; c < channels; ++c) {
        const float v = (x[c] - mean[c]) * s[c] + beta[c];
        y[c] = v < 0.f ? 0.f : v;
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) y[c] = (x[c] - mean[c]) * s[c] + beta[c];
    }
  }
}

void RunBatchNormGradSums(const LocalCall& at, absl::Span<const std::byte* const> in,
                          std::byte* out) {
  const float *x = Floats(in[0]), *mean = Floats(in[1]), *variance = Floats(in[2]),
              *dy = Floats(in[3]);
  auto* sums = reinterpret_cast<float*>(out);
  const int64_t channels = at.out[1].size();
  SumRows(NumElements(at.in[0]) / channels, 2 * channels, sums,
          [&](int64_t r, float* sum) {
            const float *xr = x + r * channels, *dr = dy + r * channels;
            float* product = sum + channels;
            for (int64_t c = 0; c < channels; ++c) {
              sum[c] += dr[c];
              product[c] += dr[c] * (xr[c] - mean[c]);
            }
          });
  const std::vector<float> r = ReciprocalDeviation(variance, channels, at.call->attrs);
  for (int64_t c = 0; c < channels; ++c) sums[channels + c] *= r[c];
}

void RunBatchNormInputGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                           std::byte* out) {
  const float *x = Floats(in[0]), *mean = Floats(in[1]), *variance = Floats(in[2]),
              *gamma = Floats(in[3]), *sums = Floats(in[4]), *dy = Floats(in[5]);
  auto* dx = reinterpret_cast<float*>(out);
  const int64_t channels = at.out.back().size();
  const int64_t rows = NumElements(at.out) / channels;
  const float scale = 1.f / static_cast<float>(Positions(at.call->in[0]));
  const std::vector<float> r = ReciprocalDeviation(variance, channels, at.call->attrs);
  std::vector<float> factors(3 * channels);
  float *a = factors.data(), *b = a + channels, *k = b + channels;
  for (int64_t c = 0; c < channels; ++c) {
    a[c] = gamma[c] * r[c];
    b[c] = sums[c] * scale;
    k[c] = sums[channels + c] * r[c] * scale;
  }
  for (int64_t n = 0; n < rows; ++n, x += channels, dy += channels, dx += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      dx[c] = a[c] * (dy[c] - b[c] - (x[c] - mean[c]) * k[c]);
    }
  }
}

}  // namespace tatami
