// Where two checkpoints differ, tensor by tensor and bit by bit. Both hold logical
// tensors, so that runs on different meshes and numbers of ranks compare as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor_type.h"
#include "runtime/checkpoint/stored_checkpoint.h"
#include "runtime/storage.h"

namespace tatami {

// The first element, in row-major order, whose bits differ.
struct ElementDifference {
  std::string tensor;
  TensorType type;
  int64_t element = 0;
  double a = 0, b = 0;
};

struct CheckpointDifference {
  // Tensors that one lacks, or of other types: "'x' is f32[3] and f32[4]".
  std::vector<std::string> structure;
  int64_t tensors = 0, elements = 0;  // compared
  int64_t tensors_different = 0, elements_different = 0;
  double largest = 0;  // |a - b| of an element; infinite where either is not finite
  std::optional<ElementDifference> first;

  bool identical() const { return structure.empty() && elements_different == 0; }
};

// Bits are compared, so 0 differs from -0 and a NaN equals the same NaN. Verifies what
// it reads, as ReadChunk. Memory: two chunks.
absl::StatusOr<CheckpointDifference> CompareCheckpoints(Storage& storage,
                                                        const StoredCheckpoint& a,
                                                        const StoredCheckpoint& b);

}  // namespace tatami
