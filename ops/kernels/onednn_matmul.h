// oneDNN's matmul for the matmul op.
#pragma once

#include "core/op_def.h"

namespace tatami {

absl::Status OneDnnMatmulSupports(const LocalCall& call);
absl::StatusOr<std::shared_ptr<PreparedKernel>> PrepareOneDnnMatmul(
    const LocalCall& call);

}  // namespace tatami
