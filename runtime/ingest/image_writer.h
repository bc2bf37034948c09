// PNG files, for people to look at what a network saw and made of it.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/ingest/frame_scaler.h"

namespace tatami {

// Writes RGB bytes [height, width, 3]; replaces a file that is there. kStorage if the
// file cannot be written whole.
absl::Status WritePng(absl::string_view path, PictureSize size,
                      absl::Span<const uint8_t> rgb);

// One clip and a prediction of it: [T, H, W, 3], mask [T, H, W, 1] (hidden_patches.h).
struct FillStrip {
  PictureSize size;
  int64_t frames = 0;
  absl::Span<const float> truth;
  absl::Span<const float> prediction;
  absl::Span<const float> mask;
};

// Writes one picture with a row per frame and four columns, 2 white pixels apart: what
// was shown (hidden patches grey), what was hidden (the rest grey), the shown patches
// with the prediction filled in, the truth. Predictions outside [-0.5, 0.5] are
// clipped.
absl::Status WriteFillStrip(absl::string_view path, const FillStrip& strip);

}  // namespace tatami
