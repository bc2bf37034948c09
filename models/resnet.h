// ResNet (He et al. 2016) with the stride in the 3x3 convolution of a bottleneck
// ("v1.5").
//
// Inputs:  images f32 [N,H,W,3]; labels i32 [N].
// Outputs: loss f32 [] (cross entropy); in kEvaluate also logits f32 [N, classes].
#pragma once

#include "models/model.h"

namespace tatami {

std::vector<ModelPreset> ResnetPresets();
BuiltModel BuildResnet(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                       Mode mode);

}  // namespace tatami
