// Element types and tensor types: what a tensor is, not where it lives.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

// Storage types. Kernels compute in f32 whatever the storage type; i32 holds labels,
// indices and counters.
enum class DType : uint8_t { kF32, kBF16, kI32 };

constexpr int64_t ByteSize(DType dtype) { return dtype == DType::kBF16 ? 2 : 4; }
absl::string_view Name(DType dtype);  // "f32", "bf16", "i32"
absl::StatusOr<DType> ParseDType(absl::string_view name);

// Rank 0 is a scalar with one element. Activations are channels-last: N, [T,] H, W, C.
using Dims = absl::InlinedVector<int64_t, 6>;

int64_t NumElements(const Dims& dims);

struct TensorType {
  DType dtype = DType::kF32;
  Dims dims;

  int rank() const { return static_cast<int>(dims.size()); }
  int64_t dim(int i) const { return dims[i < 0 ? rank() + i : i]; }
  int64_t num_elements() const { return NumElements(dims); }
  int64_t bytes() const { return num_elements() * ByteSize(dtype); }
  std::string ToString() const;  // "f32[2,3]"
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

// bf16 is the upper half of an f32; the conversion rounds to nearest, ties to even,
// and keeps NaN a NaN.
uint16_t BF16FromFloat(float value);
float FloatFromBF16(uint16_t bits);

// Widens n stored elements to f32, and narrows back. i32 is converted by value.
void LoadAsFloat(DType dtype, const void* from, int64_t n, float* to);
void StoreFromFloat(DType dtype, const float* from, int64_t n, void* to);

}  // namespace tatami
