#include "runtime/checkpoint/sample_checkpoint.h"

#include <random>

namespace tatami::testing {
namespace {

NamedTensor Tensor(std::string name, TensorType type, std::mt19937& random) {
  NamedTensor t{.name = std::move(name), .type = std::move(type)};
  t.data.resize(t.type.bytes());
  for (std::byte& b : t.data) b = static_cast<std::byte>(random());
  return t;
}

}  // namespace

Checkpoint SampleCheckpoint(int64_t step) {
  std::mt19937 random(static_cast<uint32_t>(step));
  return {.step = step,
          .seed = 0xfedcba9876543210,
          .model = "drivenet-tiny",
          .data_cursor = {.epoch = 0, .batch = step},
          .tensors = {Tensor("stem.scale", {DType::kBF16, {3}}, random),
                      Tensor("stem.weight", {DType::kF32, {3, 5}}, random),
                      Tensor("head.weight", {DType::kF32, {5, 4}}, random),
                      Tensor("head.count", {DType::kI32, {2, 2}}, random),
                      Tensor("loss_scale", {DType::kF32, {}}, random),
                      Tensor("nothing", {DType::kF32, {0, 4}}, random)}};
}

bool SameCheckpoint(const Checkpoint& a, const Checkpoint& b) {
  bool same = a.step == b.step && a.seed == b.seed && a.model == b.model &&
              a.data_cursor == b.data_cursor && a.tensors.size() == b.tensors.size();
  for (size_t i = 0; same && i < a.tensors.size(); ++i) {
    same = a.tensors[i].name == b.tensors[i].name &&
           a.tensors[i].type == b.tensors[i].type &&
           a.tensors[i].data == b.tensors[i].data;
  }
  return same;
}

}  // namespace tatami::testing
