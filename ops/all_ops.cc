#include "ops/all_ops.h"

#include "ops/matmul.h"

namespace tatami {

absl::Span<const OpDef* const> AllOps() {
  static const OpDef* const kOps[] = {
      // keep-sorted by file
      &MatmulOp(),
  };
  return kOps;
}

const OpDef* FindOp(absl::string_view name) {
  for (const OpDef* op : AllOps()) {
    if (*op->name == name) return op;
  }
  return nullptr;
}

}  // namespace tatami
