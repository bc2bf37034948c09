// Batch normalisation's statistics, normalisation and gradients as f32 loops.
#pragma once

#include "core/op_def.h"

namespace tatami {

void RunChannelMean(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunChannelVariance(const LocalCall&, absl::Span<const std::byte* const>,
                        std::byte*);
void RunBatchNorm(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunBatchNormGradSums(const LocalCall&, absl::Span<const std::byte* const>,
                          std::byte*);
void RunBatchNormInputGrad(const LocalCall&, absl::Span<const std::byte* const>,
                           std::byte*);

}  // namespace tatami
