#include "compiler/training_step.h"

#include "absl/strings/str_cat.h"
#include "compiler/passes/differentiate.h"
#include "core/error.h"
#include "ops/optimizer.h"

namespace tatami {

void AddTrainingStep(GraphBuilder& g, Value loss, const std::vector<Value>& parameters,
                     const OptimizerOptions& options) {
  std::vector<Value> gradients = Differentiate(g, loss, parameters);
  const Value rate = g.Input("learning_rate", {DType::kF32, {}});
  const Value step = g.Input("step", {DType::kF32, {}});
  if (!g.ok()) return;
  if (options.clip_norm > 0) {
    Value norm;
    gradients = ClipByGlobalNorm(g, gradients, options.clip_norm, &norm);
    g.Output("grad_norm", norm);
  }
  if (options.name == "adamw") {
    AddAdamW(g, parameters, gradients, rate, step,
             {.weight_decay = options.weight_decay});
  } else if (options.name == "sgd") {
    AddSgd(g, parameters, gradients, rate,
           {.momentum = options.momentum, .weight_decay = options.weight_decay});
  } else {
    g.Fail(MakeError(ErrorCode::kBadFlag, absl::StrCat("no optimizer '", options.name,
                                                       "'. Known are adamw and sgd.")));
  }
}

}  // namespace tatami
