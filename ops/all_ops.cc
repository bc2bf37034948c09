#include "ops/all_ops.h"

#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/batch_norm.h"
#include "ops/cast.h"
#include "ops/compare.h"
#include "ops/concat.h"
#include "ops/conv.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/fill.h"
#include "ops/gather.h"
#include "ops/layer_norm.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/optimizer.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/transpose.h"

namespace tatami {

absl::Span<const OpDef* const> AllOps() {
  static const OpDef* const kOps[] = {
      // keep-sorted by file
      &AbsGradOp(),
      &AbsOp(),
      &AdamWUpdateOp(),
      &AddOp(),
      &AffineOp(),
      &AveragePoolGradOp(),
      &AveragePoolOp(),
      &BatchNormGradSumsOp(),
      &BatchNormInputGradOp(),
      &BatchNormOp(),
      &BceWithLogitsGradOp(),
      &BceWithLogitsOp(),
      &BlendOp(),
      &BlendSquareOp(),
      &CastOp(),
      &ChannelMeanOp(),
      &ChannelVarianceOp(),
      &ClampGradOp(),
      &ClampOp(),
      &ConcatOp(),
      &ConvInputGradOp(),
      &ConvOp(),
      &ConvWeightGradOp(),
      &CrossEntropyGradOp(),
      &CrossEntropyOp(),
      &DivOp(),
      &DropoutOp(),
      &EqualOp(),
      &ExpOp(),
      &FillOp(),
      &GatherGradOp(),
      &GatherOp(),
      &GeluGradOp(),
      &GeluOp(),
      &GreaterOp(),
      &LayerNormInputGradOp(),
      &LayerNormOp(),
      &LayerNormParamGradsOp(),
      &LessOp(),
      &LogOp(),
      &LogSoftmaxGradOp(),
      &LogSoftmaxOp(),
      &MatmulOp(),
      &MaxPoolGradOp(),
      &MaxPoolOp(),
      &MaximumOp(),
      &MinimumOp(),
      &MulOp(),
      &NegOp(),
      &OneMinusPowerOp(),
      &PadOp(),
      &PowOp(),
      &ReduceMaxOp(),
      &ReduceMeanOp(),
      &ReduceSumOp(),
      &ReduceSumSquaresOp(),
      &ReluGradOp(),
      &ReluOp(),
      &ReshapeOp(),
      &ResizeBilinearGradOp(),
      &ResizeBilinearOp(),
      &ResizeNearestGradOp(),
      &ResizeNearestOp(),
      &RsqrtOp(),
      &SgdVelocityOp(),
      &SigmoidGradOp(),
      &SigmoidOp(),
      &SiluGradOp(),
      &SiluOp(),
      &SliceOp(),
      &SmoothL1Op(),
      &SoftmaxGradOp(),
      &SoftmaxOp(),
      &SpreadOp(),
      &SqrtOp(),
      &SquareOp(),
      &SubOp(),
      &SubScaledOp(),
      &TanhGradOp(),
      &TanhOp(),
      &TransposeOp(),
      &WhereOp(),
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
