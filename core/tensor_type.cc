#include "core/tensor_type.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"

namespace tatami {

absl::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kBF16:
      return "bf16";
    case DType::kI32:
      return "i32";
  }
  return "?";
}

absl::StatusOr<DType> ParseDType(absl::string_view name) {
  for (DType d : {DType::kF32, DType::kBF16, DType::kI32}) {
    if (Name(d) == name) return d;
  }
  return MakeError(
      ErrorCode::kUnknownField,
      absl::StrCat("unknown element type '", name, "'; known are f32, bf16 and i32"));
}

int64_t NumElements(const Dims& dims) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  return n;
}

std::string TensorType::ToString() const {
  return absl::StrCat(Name(dtype), "[", absl::StrJoin(dims, ","), "]");
}

uint16_t BF16FromFloat(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t nan = (bits >> 16) | 0x40;
  const uint32_t number = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  // Compared as integers, a loop over this is one of vectors.
  const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>(is_nan ? nan : number);
}

float FloatFromBF16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

void LoadAsFloat(DType dtype, const void* from, int64_t n, float* to) {
  if (n == 0) return;  // the pointers may be null
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to, from, n * sizeof(float));
      return;
    case DType::kBF16: {
      const auto* p = static_cast<const uint16_t*>(from);
      for (int64_t i = 0; i < n; ++i) to[i] = FloatFromBF16(p[i]);
      return;
    }
    case DType::kI32: {
      const auto* p = static_cast<const int32_t*>(from);
      for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(p[i]);
      return;
    }
  }
}

void StoreFromFloat(DType dtype, const float* from, int64_t n, void* to) {
  if (n == 0) return;  // the pointers may be null
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to, from, n * sizeof(float));
      return;
    case DType::kBF16: {
      auto* p = static_cast<uint16_t*>(to);
      for (int64_t i = 0; i < n; ++i) p[i] = BF16FromFloat(from[i]);
      return;
    }
    case DType::kI32: {
      auto* p = static_cast<int32_t*>(to);
      for (int64_t i = 0; i < n; ++i) p[i] = static_cast<int32_t>(from[i]);
      return;
    }
  }
}

}  // namespace tatami
