#include "compiler/training_step.h"

#include "absl/strings/str_cat.h"
#include "compiler/micro_batches.h"
#include "compiler/passes/differentiate.h"
#include "core/error.h"
#include "ops/optimizer.h"

namespace tatami {

namespace {

// The pass that g holds, once for each micro-batch. `parameters` and `gradients` are
// values of g, before and after.
void Repeat(GraphBuilder& g, int64_t micro_batches, std::vector<Value>& parameters,
            std::vector<Value>& gradients) {
  absl::StatusOr<Graph> one = g.Finish();
  if (!one.ok()) return g.Fail(one.status());
  g = GraphBuilder(one->name);
  RepeatForMicroBatches(*one, micro_batches, gradients, g);
  for (Value& p : parameters) p = {g.graph().FindValue(one->values[p.id].name)};
}

}  // namespace

void AddTrainingStep(GraphBuilder& g, Value loss, const std::vector<Value>& of,
                     const OptimizerOptions& options, int64_t micro_batches,
                     Precision precision) {
  std::vector<Value> parameters = of;
  if (precision == Precision::kBF16) {
    parameters.push_back(loss);
    NarrowStorage(g, absl::MakeSpan(parameters));
    loss = parameters.back();
    parameters.pop_back();
  }
  // A mean of means: each part's gradient has its share of the weight from the start,
  // so that none need be scaled.
  std::vector<Value> gradients =
      Differentiate(g, loss, parameters, 1.0 / static_cast<double>(micro_batches));
  if (micro_batches > 1 && g.ok()) Repeat(g, micro_batches, parameters, gradients);
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
