// Exp, Tanh, Erf and Sigmoid for the scalar functors of pointwise ops.
//
// In double and on Counted they are the functions of core/tensor_view.h. In float they
// are branch-free polynomials, which compilers vectorise and which give the same bits
// with every C library (no result may depend on the host).
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "core/tensor_view.h"

namespace tatami::vector_math {

// Within 2 ulps; overflows to infinity, underflows through the denormals to 0, keeps
// NaN. Cody-Waite reduction by ln 2 in two parts; polynomial of Cephes expf.
inline float ExpF32(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float shifted = x * 1.44269504f + kMagic;
  const float n = shifted - kMagic;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // 2^n in two factors, so that n from -150 to 128 needs no special case.
  const int32_t k = static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) -
                                         std::bit_cast<uint32_t>(kMagic));
  const int32_t half = k >> 1;
  const auto power = [](int32_t e) {
    return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23);
  };
  return p * power(half) * power(k - half);
}

// Odd polynomial of Cephes tanhf near 0, 1 - 2/(exp(2|x|) + 1) elsewhere.
inline float TanhF32(float x) {
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near = p * z * x + x;
  const float magnitude = x < 0 ? -x : x;
  const float far = 1.0f - 2.0f / (ExpF32(2.0f * magnitude) + 1.0f);
  return magnitude < 0.625f ? near : (x < 0 ? -far : far);
}

// Within 2 ulps, as vector_math_test measures. Odd polynomial near 0; elsewhere
// 1 - exp(q(|x|)), where exp(q) is erfc. Coefficients after N. Juffa's single-precision
// erff.
inline float ErfF32(float x) {
  const float z = x * x;
  const float t = x < 0 ? -x : x;
  float p = -5.96761703e-4f;
  p = p * z + 4.99119423e-3f;
  p = p * z - 2.67681349e-2f;
  p = p * z + 1.12819925e-1f;
  p = p * z - 3.76125336e-1f;
  p = p * z + 1.28379166e-1f;
  const float near = p * x + x;
  float q = -1.72853470e-5f * t + 3.83197126e-4f;
  q = q * z + (-3.88396438e-3f * t + 2.42546219e-2f);
  q = q * t - 1.06777877e-1f;
  q = q * t - 6.34846687e-1f;
  q = q * t - 1.28717512e-1f;
  q = q * t - t;
  const float far = 1.0f - ExpF32(q);
  return t > 0.927734375f ? (x < 0 ? -far : far) : near;
}

template <typename T>
T Exp(T x) {
  if constexpr (std::is_same_v<T, float>) {
    return ExpF32(x);
  } else {
    return tatami::Exp(x);
  }
}
template <typename T>
T Tanh(T x) {
  if constexpr (std::is_same_v<T, float>) {
    return TanhF32(x);
  } else {
    return tatami::Tanh(x);
  }
}
template <typename T>
T Erf(T x) {
  if constexpr (std::is_same_v<T, float>) {
    return ErfF32(x);
  } else {
    return tatami::Erf(x);
  }
}

// Four operations. exp(-x) may overflow: 1/(1 + inf) is the right limit.
template <typename T>
T Sigmoid(T x) {
  return T(1) / (T(1) + vector_math::Exp(-x));
}

}  // namespace tatami::vector_math
