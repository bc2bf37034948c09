// Pooling as loops over rows of channels, for f32.
#pragma once

#include "core/op_def.h"

namespace tatami {

// Refuses empty operands and storage other than f32.
absl::Status PoolLoopsSupport(const LocalCall& call);

using MaybeKernel = absl::StatusOr<std::shared_ptr<PreparedKernel>>;
MaybeKernel PrepareMaxPoolLoops(const LocalCall& call);
MaybeKernel PrepareMaxPoolGradLoops(const LocalCall& call);
MaybeKernel PrepareAveragePoolLoops(const LocalCall& call);
MaybeKernel PrepareAveragePoolGradLoops(const LocalCall& call);

}  // namespace tatami
