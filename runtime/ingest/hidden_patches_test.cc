#include "runtime/ingest/hidden_patches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.h"

namespace tatami {
namespace {

constexpr PictureSize kSize = {64, 112};

std::vector<float> Drawn(const MaskKey& key, int64_t frames = 4,
                         const HiddenPatchOptions& options = {}) {
  std::vector<float> mask(frames * kSize.pixels());
  DrawMask(kSize, frames, options, key, absl::MakeSpan(mask));
  return mask;
}

// 64x112 in patches of 8 is 8 x 14 = 112 patches; 84 are 75 %.
TEST(Mask, HidesExactlyThreeQuartersOfTheWholePatchesOfEachFrame) {
  ASSERT_EQ(HiddenPatchesPerFrame(kSize, {}), 84);
  for (int64_t position = 0; position < 50; ++position) {
    const std::vector<float> mask = Drawn(TrainMaskKey(7, position));
    for (int64_t t = 0; t < 4; ++t) {
      int64_t hidden = 0;
      for (int64_t patch = 0; patch < 112; ++patch) {
        float sum = 0;
        for (int64_t i = 0; i < 64; ++i) {
          const int64_t y = patch / 14 * 8 + i / 8, x = patch % 14 * 8 + i % 8;
          sum += mask[(t * 64 + y) * 112 + x];
        }
        ASSERT_TRUE(sum == 0 || sum == 64) << "patch " << patch << " is torn";
        hidden += sum == 64;
      }
      ASSERT_EQ(hidden, 84) << "frame " << t << " at position " << position;
    }
  }
}

// Over 2000 masks each patch of each frame is hidden 1500 times, with a standard
// deviation of sqrt(2000 * 0.75 * 0.25) = 19.4; of 448 counts none is 6 of them off.
TEST(Mask, HidesEachPatchAboutEquallyOften) {
  std::vector<double> count(4 * 112, 0);
  for (int64_t position = 0; position < 2000; ++position) {
    const std::vector<float> mask = Drawn(TrainMaskKey(1, position));
    for (int64_t i = 0; i < 4 * 112; ++i) {
      const int64_t t = i / 112, patch = i % 112;
      count[i] += mask[(t * 64 + patch / 14 * 8) * 112 + patch % 14 * 8];
    }
  }
  for (double c : count) EXPECT_NEAR(c, 1500, 6 * std::sqrt(2000 * 0.75 * 0.25));
}

TEST(Mask, DiffersBySeedPositionAndFrame) {
  std::set<std::vector<float>> frames;
  for (uint64_t seed : {1, 2}) {
    for (int64_t position : {0, 1, 2}) {
      const std::vector<float> mask = Drawn(TrainMaskKey(seed, position));
      for (int64_t t = 0; t < 4; ++t) {
        frames.emplace(mask.begin() + t * kSize.pixels(),
                       mask.begin() + (t + 1) * kSize.pixels());
      }
    }
  }
  EXPECT_EQ(frames.size(), 24u);
  EXPECT_EQ(Drawn(TrainMaskKey(1, 2)), Drawn(TrainMaskKey(1, 2)));
}

TEST(Mask, HidesAllOrNothingWhenAsked) {
  for (float share : {0.f, 1.f}) {
    for (float m : Drawn(TrainMaskKey(1, 0), 2, {.hidden_share = share})) {
      ASSERT_EQ(m, share);
    }
  }
}

TEST(HiddenPatches, RefusesWhatDoesNotTile) {
  const absl::Status status = CheckHiddenPatches({60, 112}, {});
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kBadFlag);
  EXPECT_EQ(status.message(),
            "E0101: patches of 8x8 pixels do not tile a picture of 60x112. Choose a "
            "size that divides both.");
  EXPECT_EQ(CheckHiddenPatches(kSize, {.hidden_share = 1.5}).message(),
            "E0101: hidden share 1.5 is not between 0 and 1.");
}

// One patch of one pixel per column, so the rule can be read off: frames are rows,
// letters stand for shown patches.
//   frame 0: shown  hidden hidden hidden      column 0: frame 1 and 2 take frame 0 and
//   3 frame 1: hidden hidden shown  hidden      column 1: all from frame 3 frame 2:
//   hidden hidden hidden hidden      column 2: 0, 2 from 1; 3 from 1 frame 3: shown
//   shown  hidden hidden      column 3: the mean of what the row shows
TEST(FillFromNearestShown, TakesTheNearestFrameThenTheEarlierThenTheMean) {
  const PictureSize size = {1, 4};
  const HiddenPatchOptions options = {.patch_pixels = 1};
  const std::vector<float> mask = {0, 1, 1, 1,  //
                                   1, 1, 0, 1,  //
                                   1, 1, 1, 1,  //
                                   0, 0, 1, 1};
  std::vector<float> clip;
  for (int i = 0; i < 16; ++i) {
    for (int c = 0; c < 3; ++c) clip.push_back(i + 100.f * c);
  }
  const std::vector<float> filled = FillFromNearestShown(size, 4, options, clip, mask);
  const std::vector<float> want = {0,  13, 6, 0,  //
                                   0,  13, 6, 6,  //
                                   12, 13, 6, 0,  // frame 2 shows nothing: mid-grey
                                   12, 13, 6, 12.5};
  for (int i = 0; i < 16; ++i) {
    const bool grey = i == 11;
    for (int c = 0; c < 3; ++c) {
      EXPECT_EQ(filled[i * 3 + c], grey ? 0 : want[i] + 100.f * c) << i << " " << c;
    }
  }
}

TEST(FillFromNearestShown, PrefersTheEarlierOfTwoEquallyNear) {
  const std::vector<float> filled = FillFromNearestShown(
      {1, 1}, 3, {.patch_pixels = 1}, {1, 1, 1, 2, 2, 2, 3, 3, 3}, {0, 1, 0});
  EXPECT_EQ(filled[3], 1);
}

// Errors 0.1 in 6 hidden values and 0.2 in 3, by hand: mse = (6 * 0.01 + 3 * 0.04) / 9
// = 0.02, psnr = 10 log10(50) = 16.9897 dB. What is shown does not count.
TEST(HiddenError, IsTheClosedForm) {
  HiddenError error;
  error.Add({0.1f, 0.1f, 0.1f, 9, 9, 9}, {0, 0, 0, 0, 0, 0}, {1, 0});
  error.Add({0.2f, 0.2f, 0.2f, 0, 0, 0}, {0, 0, 0, 0.1f, 0.1f, 0.1f}, {1, 1});
  EXPECT_EQ(error.values(), 9);
  // Rounding 0.1 and 0.2 to float changes each by at most 2^-24 of itself.
  EXPECT_NEAR(error.mean_squared(), 0.02, 0.02 * 0x1p-22);
  EXPECT_NEAR(error.psnr_db(), 10 * std::log10(50), 1e-5);
  EXPECT_TRUE(std::isinf(HiddenError().psnr_db()));
}

}  // namespace
}  // namespace tatami
