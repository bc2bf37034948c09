// Cross entropy of a softmax, one loss per row, and its gradient by the logits.
#pragma once

#include <optional>

#include "core/graph.h"

namespace tatami {

struct CrossEntropyOptions {
  std::optional<int64_t> ignore_label;  // rows with this label: loss and gradient are 0
  double label_smoothing = 0;  // this share of the target is spread over classes
};

// logits f32 or bf16 [.., classes], labels i32 [..] -> f32 [..]:
//   log sum_c exp(x_c) - (1 - s) x_label - s mean_c x_c,   s = label_smoothing,
// which is torch.nn.functional.cross_entropy with reduction="none". A label that is
// neither a class nor ignored makes its row NaN. Errors: E0107 for shapes and types.
Value CrossEntropyRows(GraphBuilder& g, Value logits, Value labels,
                       CrossEntropyOptions options = {});

const OpDef& CrossEntropyOp();
const OpDef& CrossEntropyGradOp();

}  // namespace tatami
