// Softmax and layer normalisation, row by row of the last dim, as f32 loops.
#pragma once

#include "core/op_def.h"

namespace tatami {

void RunSoftmax(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunLogSoftmax(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunSoftmaxGrad(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunLogSoftmaxGrad(const LocalCall&, absl::Span<const std::byte* const>,
                       std::byte*);
void RunLayerNorm(const LocalCall&, absl::Span<const std::byte* const>, std::byte*);
void RunLayerNormInputGrad(const LocalCall&, absl::Span<const std::byte* const>,
                           std::byte*);
void RunLayerNormParamGrads(const LocalCall&, absl::Span<const std::byte* const>,
                            std::byte*);

}  // namespace tatami
