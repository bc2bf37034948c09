// Mixed precision: a forward graph in f32 becomes one that stores its activations, and
// the weights that it multiplies them with, in bf16.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/graph.h"

namespace tatami {

// What a network is stored in while it computes. Sums and kernels work in f32 either
// way; so are states, losses and all that is made from f32 alone.
enum class Precision : uint8_t { kF32, kBF16 };
absl::string_view Name(Precision precision);  // "f32", "bf16"

// Each call says through OpDef::narrow which of its operands may be bf16, all of them
// or none. They are where the call has work for the matrix unit, which takes no wider
// ones; elsewhere where those of them that depend on inputs are bf16 already. So bf16
// begins at the first product that an input enters and goes as far as calls
// follow: a prediction that meets an f32 label is widened, and a loss is f32. Weights
// and constants follow what they meet.
//
// Before:  g holds a valid forward graph in f32, the loss included.
// After:   g holds the same calls on narrower values, and casts, named "VALUE.cast",
//          before the first call that reads VALUE in another type; states and outputs
//          are what they were. Values of before are no longer g's: `kept` are found
//          again, in f32. To be differentiated after this: the gradient by an f32
//          weight then is f32, and the cast at its end is absorbed by the sum that
//          makes it (ops/result_type.h), so that no term of it is ever rounded to bf16.
// Keeps:   names and order of states, inputs, outputs and calls.
// Cost:    O(calls); a cast a weight.
void NarrowStorage(GraphBuilder& g, absl::Span<Value> kept = {});

}  // namespace tatami
