#include "runtime/ingest/hidden_patches.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "core/error.h"
#include "core/random.h"

namespace tatami {
namespace {

int64_t PatchesPerFrame(PictureSize size, const HiddenPatchOptions& options) {
  return size.pixels() / (options.patch_pixels * options.patch_pixels);
}

// Calls visit(pixel) with the offset in a frame of each pixel of a patch.
template <typename Visit>
void ForEachPixel(PictureSize size, int64_t patch_pixels, int64_t patch, Visit visit) {
  const int64_t columns = size.width / patch_pixels;
  const int64_t top = patch / columns * patch_pixels;
  const int64_t left = patch % columns * patch_pixels;
  for (int64_t y = top; y < top + patch_pixels; ++y) {
    for (int64_t x = left; x < left + patch_pixels; ++x) visit(y * size.width + x);
  }
}

std::array<float, 3> MeanShown(absl::Span<const float> frame,
                               absl::Span<const float> mask) {
  std::array<double, 3> sum = {};
  int64_t shown = 0;
  for (size_t p = 0; p < mask.size(); ++p) {
    if (mask[p] != 0) continue;
    ++shown;
    for (int c = 0; c < 3; ++c) sum[c] += frame[p * 3 + c];
  }
  std::array<float, 3> mean = {};
  if (shown == 0) return mean;
  for (int c = 0; c < 3; ++c) mean[c] = static_cast<float>(sum[c] / shown);
  return mean;
}

}  // namespace

absl::Status CheckHiddenPatches(PictureSize size, const HiddenPatchOptions& options) {
  const int64_t patch = options.patch_pixels;
  if (patch < 1 || size.height % patch != 0 || size.width % patch != 0) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrFormat("patches of %dx%d pixels do not tile a picture of "
                                     "%dx%d. Choose a size that divides both.",
                                     patch, patch, size.height, size.width));
  }
  if (!(options.hidden_share >= 0 && options.hidden_share <= 1)) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrFormat("hidden share %g is not between 0 and 1.",
                                     options.hidden_share));
  }
  return absl::OkStatus();
}

int64_t HiddenPatchesPerFrame(PictureSize size, const HiddenPatchOptions& options) {
  return std::llround(PatchesPerFrame(size, options) * options.hidden_share);
}

MaskKey TrainMaskKey(uint64_t seed, int64_t position) {
  static const uint64_t kStream = StreamOf("ingest.mask.train");
  return {seed, kStream, static_cast<uint64_t>(position)};
}

MaskKey HeldOutMaskKey(absl::string_view source_name, int64_t first_frame) {
  return {0, StreamOf(absl::StrCat("ingest.mask.held_out.", source_name)),
          static_cast<uint64_t>(first_frame)};
}

void DrawMask(PictureSize size, int64_t frames, const HiddenPatchOptions& options,
              const MaskKey& key, absl::Span<float> mask) {
  TATAMI_CHECK(static_cast<int64_t>(mask.size()) == frames * size.pixels())
      << mask.size() << " for " << frames << " frames";
  const int64_t patches = PatchesPerFrame(size, options);
  const int64_t hidden = HiddenPatchesPerFrame(size, options);
  std::vector<std::pair<uint64_t, int64_t>> drawn(patches);
  std::fill(mask.begin(), mask.end(), 0.f);
  for (int64_t t = 0; t < frames; ++t) {
    const uint64_t first = (key.clip * frames + t) * patches;
    for (int64_t p = 0; p < patches; ++p) {
      drawn[p] = {RandomBits(key.seed, key.stream, first + p), p};
    }
    std::nth_element(drawn.begin(), drawn.begin() + hidden, drawn.end());
    const auto frame = mask.subspan(t * size.pixels(), size.pixels());
    for (int64_t i = 0; i < hidden; ++i) {
      ForEachPixel(size, options.patch_pixels, drawn[i].second,
                   [&](int64_t pixel) { frame[pixel] = 1; });
    }
  }
}

std::vector<float> FillFromNearestShown(PictureSize size, int64_t frames,
                                        const HiddenPatchOptions& options,
                                        absl::Span<const float> clip,
                                        absl::Span<const float> mask) {
  const int64_t pixels = size.pixels();
  TATAMI_CHECK(static_cast<int64_t>(clip.size()) == frames * pixels * 3 &&
               static_cast<int64_t>(mask.size()) == frames * pixels)
      << clip.size() << " values, " << mask.size() << " mask pixels";
  const int64_t columns = size.width / options.patch_pixels;
  const auto is_shown = [&](int64_t t, int64_t patch) {
    const int64_t row = patch / columns * options.patch_pixels;
    const int64_t column = patch % columns * options.patch_pixels;
    return mask[t * pixels + row * size.width + column] == 0;
  };
  std::vector<float> filled(clip.begin(), clip.end());
  for (int64_t t = 0; t < frames; ++t) {
    const std::array<float, 3> mean = MeanShown(
        clip.subspan(t * pixels * 3, pixels * 3), mask.subspan(t * pixels, pixels));
    for (int64_t patch = 0; patch < PatchesPerFrame(size, options); ++patch) {
      if (is_shown(t, patch)) continue;
      int64_t from = -1;
      for (int64_t distance = 1; distance < frames && from < 0; ++distance) {
        if (t >= distance && is_shown(t - distance, patch)) {
          from = t - distance;
        } else if (t + distance < frames && is_shown(t + distance, patch)) {
          from = t + distance;
        }
      }
      ForEachPixel(size, options.patch_pixels, patch, [&](int64_t pixel) {
        for (int64_t c = 0; c < 3; ++c) {
          filled[(t * pixels + pixel) * 3 + c] =
              from < 0 ? mean[c] : clip[(from * pixels + pixel) * 3 + c];
        }
      });
    }
  }
  return filled;
}

void HiddenError::Add(absl::Span<const float> prediction, absl::Span<const float> truth,
                      absl::Span<const float> mask) {
  TATAMI_CHECK(prediction.size() == truth.size() && truth.size() == mask.size() * 3)
      << prediction.size() << ", " << truth.size() << ", " << mask.size();
  for (size_t p = 0; p < mask.size(); ++p) {
    if (mask[p] == 0) continue;
    for (size_t i = p * 3; i < p * 3 + 3; ++i) {
      const double error = double{prediction[i]} - double{truth[i]};
      sum_ += error * error;
    }
    values_ += 3;
  }
}

double HiddenError::mean_squared() const { return values_ == 0 ? 0 : sum_ / values_; }

double HiddenError::psnr_db() const {
  const double mse = mean_squared();
  if (mse == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(1 / mse);
}

}  // namespace tatami
