// drivenet: a driving-video network. A shared trunk of factorised space-time
// convolutions with a small feature pyramid; head A fills in hidden patches of each
// frame (self-supervised), head B predicts the steering angle.
//
// Inputs:  frames f32 [N,T,H,W,3], pixels in [-0.5, 0.5]; mask f32 [N,T,H,W,1], 1 where
//          hidden (reconstruction); labels f32 [N,1] (steering, normalised).
// Outputs: loss f32 []; in kEvaluate also, of reconstruction, filled f32 [N,T,H,W,3]
// and
//          hidden_error f32 [] (sum of squared errors over hidden pixels); of steering,
//          angle f32 [N,1] and abs_error f32 [] (sum over the batch).
#pragma once

#include "models/model.h"

namespace tatami {

std::vector<ModelPreset> DrivenetPresets();
BuiltModel BuildDrivenet(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                         Mode mode);

}  // namespace tatami
