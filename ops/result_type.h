// Sums whose result may be stored wider than what they sum.
//
// Products of bf16 operands are added up in f32 whatever the result is stored in, so a
// cast to f32 that follows costs no arithmetic: the sum takes it over and stores what
// it has. Its parts on a cut mesh then are f32 as well.
#pragma once

#include <optional>

#include "core/op_def.h"

namespace tatami {

// The element type of a sum over operands of this type: theirs, or f32 where the
// attribute `dtype` says so. Errors: E0107 for any other.
absl::StatusOr<DType> ResultType(const Attrs& attrs, DType operands);

// OpDef::absorb of such sums: the attributes of `call` with `dtype` set, where `next`
// casts its bf16 result to f32.
std::optional<Attrs> AbsorbCastToF32(const OpCall& call, const OpCall& next);

}  // namespace tatami
