// Optimizers: part of the training graph, as states and pointwise ops.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// All builders: grads[i] is the gradient by params[i], an invalid Value where there is
// none (that parameter stays). Moments are f32 states whatever the parameter's type.
// They are named after the parameter's value: "trunk.w" has "trunk.w.adam_m".

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  // decoupled: times the learning rate
};
// torch.optim.AdamW. `learning_rate` f32 []; `step` f32 [], 1 on the first step.
void AddAdamW(GraphBuilder& g, std::vector<Value> params, std::vector<Value> grads,
              Value learning_rate, Value step, AdamWOptions options = {});

struct SgdOptions {
  double momentum = 0;
  double weight_decay = 0;  // added to the gradient
  int64_t nesterov = 0;     // 1: look ahead along the velocity
};
// torch.optim.SGD with dampening 0. State "PARAM.sgd_velocity" when momentum is not 0.
void AddSgd(GraphBuilder& g, std::vector<Value> params, std::vector<Value> grads,
            Value learning_rate, SgdOptions options = {});

// The square root of the sum of squares of all elements of all valid grads: f32 [].
Value GlobalNorm(GraphBuilder& g, const std::vector<Value>& grads);

// Each gradient times min(1, max_norm / (norm + 1e-6)), as
// torch.nn.utils.clip_grad_norm_. `norm` (may be null) receives the norm before
// clipping.
std::vector<Value> ClipByGlobalNorm(GraphBuilder& g, const std::vector<Value>& grads,
                                    double max_norm, Value* norm);

const OpDef& BlendOp();
const OpDef& BlendSquareOp();
const OpDef& OneMinusPowerOp();
const OpDef& AdamWUpdateOp();
const OpDef& SgdVelocityOp();
const OpDef& SubScaledOp();

}  // namespace tatami
