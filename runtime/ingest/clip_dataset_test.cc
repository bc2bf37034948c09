#include "runtime/ingest/clip_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "runtime/ingest/sample_order.h"
#include "runtime/ingest/test_files.h"

namespace tatami {
namespace {

constexpr char kHighway[] = "data/udacity_highway";
constexpr char kGarage[] = "data/sullychen_garage";

// Decoded once for all tests of this file.
const ClipDataset& Highway() {
  static const absl::StatusOr<ClipDataset> dataset = ClipDataset::Load(kHighway, {});
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return *dataset;
}

absl::StatusOr<ClipDataset> Garage(ClipDatasetOptions options) {
  options.size = {16, 24};
  return ClipDataset::Load(kGarage, options);
}

// 18.196144 dB was computed once by fill_psnr_reference.py (numpy and the ffmpeg
// command; its header says how to run it). The two differ in that pictures here are
// float: each value is off by at most 2^-25, an error of a pixel by 2^-24, so the mse
// by less than 2 * 2^-24 * (mean error < 1) = 1.2e-7, which at mse 0.0152 is 3.5e-5 dB.
TEST(ClipDataset, FillBaselineOnClipDIsWhatNumpyComputes) {
  const double psnr_db = Highway().HeldOutFillPsnrDb();
  printf("nearest-shown-frame baseline on clip d: %.6f dB\n", psnr_db);
  EXPECT_NEAR(psnr_db, 18.196144, 3.5e-5);
}

TEST(ClipDataset, HoldsOutClipDByDefault) {
  const ClipDataset& dataset = Highway();
  ASSERT_EQ(dataset.sources().size(), 5u);
  EXPECT_EQ(dataset.split().held_out.sources,
            std::vector<std::string>{"clip_d_open_highway.mp4"});
  // Windows of 4: 221 - 3 + 88 - 3 + 100 - 3 + 38 - 3 train; 76 / 4 are held out.
  EXPECT_EQ(dataset.train_clips(), 435);
  EXPECT_EQ(dataset.held_out_clips(), 19);
  for (const Clip& c : dataset.split().train) EXPECT_NE(c.source, 3);
  for (const Clip& c : dataset.split().held_out_clips) EXPECT_EQ(c.source, 3);
  EXPECT_FALSE(dataset.has_labels());
}

TEST(ClipDataset, BatchIsTheFramesScaledToHalfAboveAndBelowZero) {
  const ClipBatch batch = Highway().HeldOutBatch(2, 1);
  const RgbFrames& video = Highway().sources()[3].frames;
  ASSERT_EQ(batch.frames.size(), 4 * 64 * 112 * 3u);
  ASSERT_EQ(batch.mask.size(), 4 * 64 * 112u);
  EXPECT_TRUE(batch.labels.empty());
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t i = 0; i < video.frame_bytes(); ++i) {
      ASSERT_EQ(batch.frames[t * video.frame_bytes() + i],
                static_cast<float>(video.frame(8 + t)[i] / 255.0 - 0.5));
    }
  }
}

TEST(ClipDataset, SlotsOfABatchAreTheBatch) {
  const auto whole =
      Highway().TrainBatch({.step = 5, .batch = 6, .begin = 0, .end = 6});
  const auto head = Highway().TrainBatch({.step = 5, .batch = 6, .begin = 0, .end = 2});
  const auto tail = Highway().TrainBatch({.step = 5, .batch = 6, .begin = 2, .end = 6});
  ASSERT_TRUE(whole.ok() && head.ok() && tail.ok());
  std::vector<float> frames = head->frames, mask = head->mask;
  frames.insert(frames.end(), tail->frames.begin(), tail->frames.end());
  mask.insert(mask.end(), tail->mask.begin(), tail->mask.end());
  EXPECT_EQ(frames, whole->frames);
  EXPECT_EQ(mask, whole->mask);
  EXPECT_EQ(whole->clips, 6);
}

TEST(ClipDataset, HeldOutMasksDoNotDependOnTheSeed) {
  const auto one = Garage({.seed = 1});
  const auto two = Garage({.seed = 2});
  ASSERT_TRUE(one.ok() && two.ok()) << one.status();
  EXPECT_EQ(one->HeldOutBatch(0, 5).mask, two->HeldOutBatch(0, 5).mask);
  const BatchSlots slots = {.batch = 4, .end = 4};
  EXPECT_NE(one->TrainBatch(slots)->mask, two->TrainBatch(slots)->mask);
}

// Clips that a step trains on, mirrored or not, are told apart by their labels' sign
// and checked pixel by pixel against the clip that the order names.
TEST(ClipDataset, FlipMirrorsPicturesAndTurnsLabels) {
  const auto dataset = Garage({.flip = Flip::kHalfOfTheClips});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const ClipSource& source = dataset->sources()[0];
  int64_t mirrored = 0;
  for (int64_t step = 0; step < 58; ++step) {
    const auto batch = dataset->TrainBatch({.step = step});
    ASSERT_TRUE(batch.ok()) << batch.status();
    const int64_t n = dataset->train_clips();
    const Clip clip = dataset->split().train[SampleAt(1, n, step)];
    const float label = source.labels[clip.first_frame + 3];
    const auto value = [&](int64_t y, int64_t x) {
      return static_cast<float>(
          source.frames.frame(clip.first_frame)[(y * 24 + x) * 3] / 255.0 - 0.5);
    };
    bool as_it_is = true, as_mirror = true;
    for (int64_t i = 0; i < 16 * 24; ++i) {
      as_it_is = as_it_is && batch->frames[i * 3] == value(i / 24, i % 24);
      as_mirror = as_mirror && batch->frames[i * 3] == value(i / 24, 23 - i % 24);
    }
    ASSERT_NE(as_it_is, as_mirror);
    EXPECT_EQ(batch->labels, std::vector<float>{as_mirror ? -label : label});
    mirrored += as_mirror;
  }
  // 58 fair coins: 29 with a standard deviation of 3.8; within 4 of them.
  EXPECT_NEAR(mirrored, 29, 4 * std::sqrt(58.0) / 2);
}

TEST(ClipDataset, RefusesWhatItCannotServe) {
  const auto small = Garage({});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->TrainBatch({.batch = 59}).status().message(),
            "E0404: a batch of 59 clips needs more than the 58 training clips that the "
            "dataset has. Use a smaller batch, shorter clips, or more video.");
  EXPECT_EQ(Garage({.clip = {.frames = 102}}).status().message(),
            "E0404: picture folder 'data/sullychen_garage/frames' has 101 frames and a "
            "clip needs 102. Use shorter clips or a longer recording.");
  EXPECT_EQ(Garage({.clip = {.frames = 95}}).status().message(),
            "E0404: the dataset has no held-out clip: 1 recordings with 101 frames, a "
            "clip spans 95 frames. Use shorter clips, more video, or hold out other "
            "frames.");
  EXPECT_EQ(
      Garage({.bytes_max = 100000}).status().message(),
      "E0301: picture folder 'data/sullychen_garage/frames' does not fit the "
      "memory set aside for frames: 101 frames of 16x24 need 116352 bytes, 100000 "
      "are left. Choose smaller frames, use fewer pictures, or raise the limit.");
  EXPECT_EQ(Garage({.held_out = {.sources = {"clip_d"}}}).status().message(),
            "E0101: no recording starts with held-out name 'clip_d'. The dataset has: "
            "sullychen_garage.");
  EXPECT_EQ(ClipDataset::Load("data/none", {}).status().message(),
            "E0401: no file or folder 'data/none' to read data from. A relative path "
            "starts at the folder in which the command runs.");
}

TEST(ClipDataset, NamesTheBadFileOfAFolder) {
  TestFolder folder;
  folder.Write("clip_a.mp4", ReadBytes("runtime/ingest/testdata/clip_e_b_frames.mp4"));
  folder.Write("clip_b.mp4", "");
  const absl::Status status = ClipDataset::Load(folder.path(), {}).status();
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kDataUnreadable);
  EXPECT_EQ(folder.Message(status),
            "E0402: cannot read video 'DIR/clip_b.mp4': the file is empty (0 bytes). "
            "Copy it again or remove it from the dataset.");
}

// For blocks and whole recordings, several shapes: no frame of a training clip, nor any
// between its frames, is held out, and each held-out clip lies within what is.
TEST(ClipSplit, TrainingNeverTouchesWhatIsHeldOut) {
  const std::vector<SourceExtent> sources = {{"a", 101}, {"b", 60}, {"c", 33}};
  for (const char* text : {"12-16,32-36,52-56,72-76,92-96", "b", "a,c", "0-5", ""}) {
    for (const ClipShape shape :
         {ClipShape{}, ClipShape{.frames = 2, .frame_stride = 3, .train_stride = 2},
          ClipShape{.frames = 1}, ClipShape{.frames = 5, .held_out_stride = 1}}) {
      const auto held_out = ParseHeldOut(text);
      ASSERT_TRUE(held_out.ok());
      const auto split = SplitClips(sources, *held_out, shape);
      ASSERT_TRUE(split.ok()) << split.status();
      const auto is_held_out = [&](int64_t source, int64_t frame) {
        for (const FrameRange& b : split->held_out.blocks) {
          if (b.begin <= frame && frame < b.end) return true;
        }
        const auto& names = split->held_out.sources;
        return std::find(names.begin(), names.end(), sources[source].name) !=
               names.end();
      };
      for (const Clip& clip : split->train) {
        for (int64_t f = 0; f < shape.span(); ++f) {
          ASSERT_FALSE(is_held_out(clip.source, clip.first_frame + f)) << text;
        }
      }
      for (const Clip& clip : split->held_out_clips) {
        for (int64_t f = 0; f < shape.span(); ++f) {
          ASSERT_TRUE(is_held_out(clip.source, clip.first_frame + f)) << text;
        }
      }
    }
  }
}

TEST(ClipSplit, ReadsTheBlocksOfTheGarage) {
  const auto held_out = ParseHeldOut("12-16,32-36");
  ASSERT_TRUE(held_out.ok());
  EXPECT_EQ(held_out->blocks, (std::vector<FrameRange>{{12, 17}, {32, 37}}));
  for (const char* bad : {"16-12", "12-", "clip_d,3-4", "a,,b", "3"}) {
    EXPECT_EQ(GetErrorCode(ParseHeldOut(bad).status()), ErrorCode::kBadFlag) << bad;
  }
  EXPECT_EQ(ParseHeldOut("16-12").status().message(),
            "E0101: held-out block '16-12' is not FIRST-LAST with FIRST at most LAST. "
            "Write for example 12-16,32-36.");
}

TEST(SampleOrder, VisitsEachClipOncePerEpoch) {
  for (int64_t count : {1, 2, 3, 5, 64, 65, 435, 1000}) {
    std::vector<std::vector<int64_t>> orders;
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<int64_t> order, sorted;
      for (int64_t i = 0; i < count; ++i) {
        order.push_back(SampleAt(9, count, epoch * count + i));
      }
      sorted = order;
      std::sort(sorted.begin(), sorted.end());
      for (int64_t i = 0; i < count; ++i) ASSERT_EQ(sorted[i], i) << count;
      orders.push_back(order);
    }
    if (count >= 64) {
      EXPECT_NE(orders[0], orders[1]);
      EXPECT_NE(orders[1], orders[2]);
    }
  }
}

// The 120 orders of 5 clips over 12000 epochs, 100 each: chi-square has 119 degrees of
// freedom, so mean 119 and standard deviation sqrt(238) = 15.4; the limit is 6 above.
TEST(SampleOrder, IsUniformOverOrders) {
  std::map<std::vector<int64_t>, double> count;
  for (int64_t epoch = 0; epoch < 12000; ++epoch) {
    std::vector<int64_t> order;
    for (int64_t i = 0; i < 5; ++i) order.push_back(PermutedIndex(3, epoch, 5, i));
    ++count[order];
  }
  EXPECT_EQ(count.size(), 120u);
  double chi_square = (120 - static_cast<double>(count.size())) * 100;
  for (const auto& [order, n] : count) chi_square += (n - 100) * (n - 100) / 100;
  EXPECT_LT(chi_square, 119 + 6 * std::sqrt(238));
}

// Five frames held out, windows of four: two lie inside, five end inside, and training
// windows touch none of the five frames either way.
TEST(ClipSplitTest, WindowsThatEndInABlockMeasureEveryLabelOfIt) {
  const std::vector<SourceExtent> sources = {{"drive", 40}};
  const HeldOut held_out{.blocks = {{12, 17}}};
  ClipShape shape{.frames = 4, .held_out_stride = 1};
  const auto inside = SplitClips(sources, held_out, shape);
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_EQ(inside->held_out_clips, (std::vector<Clip>{{0, 12}, {0, 13}}));
  shape.held_out_windows = HeldOutWindows::kEndInside;
  const auto ending = SplitClips(sources, held_out, shape);
  ASSERT_TRUE(ending.ok()) << ending.status();
  EXPECT_EQ(ending->held_out_clips,
            (std::vector<Clip>{{0, 9}, {0, 10}, {0, 11}, {0, 12}, {0, 13}}));
  EXPECT_EQ(ending->train, inside->train);
  for (const Clip& clip : ending->train) {
    EXPECT_TRUE(clip.first_frame + 3 < 12 || clip.first_frame > 16) << clip.first_frame;
  }
}

}  // namespace
}  // namespace tatami
