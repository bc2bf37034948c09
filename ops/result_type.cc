#include "ops/result_type.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<DType> ResultType(const Attrs& attrs, DType operands) {
  if (!attrs.Has("dtype")) return operands;
  if (attrs.String("dtype") == Name(DType::kF32)) return DType::kF32;
  return MakeError(ErrorCode::kBadGraph, absl::StrCat("a sum over ", Name(operands),
                                                      " is stored like that or "
                                                      "as f32; got dtype '",
                                                      attrs.String("dtype"), "'"));
}

std::optional<Attrs> AbsorbCastToF32(const OpCall& call, const OpCall& next) {
  if (*next.op->name != "cast" || call.out.dtype != DType::kBF16 ||
      next.out.dtype != DType::kF32) {
    return std::nullopt;
  }
  Attrs attrs = call.attrs;
  attrs.Set("dtype", std::string(Name(DType::kF32)));
  return attrs;
}

}  // namespace tatami
