// The masked-video task: patches are hidden, a network fills them in, and the error is
// measured on hidden pixels alone. Also the baseline that needs no network.
//
// Clips are [T, H, W, 3] and masks [T, H, W, 1], row-major f32; 1 = hidden.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/ingest/frame_scaler.h"

namespace tatami {

struct HiddenPatchOptions {
  int64_t patch_pixels = 8;  // side of a patch; must divide height and width
  double hidden_share =
      0.75;  // of the patches of each frame, rounded to a whole number
};

// kBadFlag if the patch does not divide the picture or the share is not in [0, 1].
absl::Status CheckHiddenPatches(PictureSize size, const HiddenPatchOptions& options);

// How many patches of each frame are hidden: exactly so many, never one more.
int64_t HiddenPatchesPerFrame(PictureSize size, const HiddenPatchOptions& options);

// Which random numbers a clip's mask takes: pure in these three, see core/random.h.
struct MaskKey {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t clip = 0;
};
// Fresh at every position of the sample order.
MaskKey TrainMaskKey(uint64_t seed, int64_t position);
// Depends on the clip alone, not on the run's seed, so that every run and every seed is
// measured on the same pixels.
MaskKey HeldOutMaskKey(absl::string_view source_name, int64_t first_frame);

// Writes the mask [T, H, W, 1]. Frame t hides the patches with the smallest of the
// random numbers RandomBits(seed, stream, (clip * T + t) * patches + patch), patches
// counted row by row; of equal numbers the earlier patch.
// REQUIRES: CheckHiddenPatches is ok.
void DrawMask(PictureSize size, int64_t frames, const HiddenPatchOptions& options,
              const MaskKey& key, absl::Span<float> mask);

// The baseline: each hidden patch is copied from the nearest frame of the clip that
// shows it (the earlier of two equally near); one hidden in all frames gets the mean
// colour of the pixels that its own frame shows (0, mid-grey, if it shows none).
// Returns [T, H, W, 3].
std::vector<float> FillFromNearestShown(PictureSize size, int64_t frames,
                                        const HiddenPatchOptions& options,
                                        absl::Span<const float> clip,
                                        absl::Span<const float> mask);

// Squared error over hidden pixels, summed in double over all that is added.
class HiddenError {
 public:
  // Any number of clips: [..., 3], [..., 3] and [..., 1].
  void Add(absl::Span<const float> prediction, absl::Span<const float> truth,
           absl::Span<const float> mask);
  int64_t values() const { return values_; }  // hidden pixels times 3 colours
  // Over the values; 0 before anything is added.
  double mean_squared() const;
  // 10 log10(1 / mse) for pictures of range 1; infinite for a perfect prediction.
  double psnr_db() const;

 private:
  double sum_ = 0;
  int64_t values_ = 0;
};

}  // namespace tatami
