#include "ops/pointwise_samples.h"

namespace tatami {
namespace {

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }
TensorType BF16(Dims dims) { return {DType::kBF16, std::move(dims)}; }

}  // namespace

std::vector<OpSample> UnarySamples(InputDomain domain, Attrs attrs) {
  std::vector<OpSample> samples = {{"matrix", {F32({3, 5})}, attrs},
                                   {"scalar", {F32({})}, attrs},
                                   {"long", {F32({2, 300})}, attrs},
                                   {"bf16", {BF16({2, 3, 4})}, attrs}};
  for (OpSample& sample : samples) sample.domains = {domain};
  return samples;
}

std::vector<OpSample> BinarySamples(InputDomain a, InputDomain b, Attrs attrs) {
  std::vector<OpSample> samples = {{"dense", {F32({3, 5}), F32({3, 5})}, attrs},
                                   {"row", {F32({2, 3, 5}), F32({5})}, attrs},
                                   {"column", {F32({2, 3, 4}), F32({2, 3, 1})}, attrs},
                                   {"scalar", {F32({3, 4}), F32({})}, attrs},
                                   {"left", {F32({5}), F32({2, 5})}, attrs},
                                   {"outer", {F32({3, 1}), F32({1, 4})}, attrs},
                                   {"middle", {F32({2, 1, 4}), F32({2, 3, 4})}, attrs},
                                   {"long", {F32({2, 300}), F32({2, 1})}, attrs},
                                   {"bf16", {BF16({4, 3}), BF16({3})}, attrs}};
  for (OpSample& sample : samples) sample.domains = {a, b};
  return samples;
}

}  // namespace tatami
