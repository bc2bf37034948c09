#include "runtime/ingest/video_reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "runtime/ingest/test_files.h"

namespace tatami {
namespace {

constexpr char kClips[] = "data/udacity_highway/";
constexpr PictureSize kSmall = {16, 28};

std::string ClipA() { return std::string(kClips) + "clip_a_solid_white_right.mp4"; }

struct CountCase {
  const char* path;
  const char* codec;
  int64_t frames;
  int64_t height, width;
};
void PrintTo(const CountCase& c, std::ostream* out) { *out << c.path; }

class FrameCount : public testing::TestWithParam<CountCase> {};

// The counts are those of `ffprobe -count_frames -select_streams v:0`. Clips b and c
// have 91 and 116 packets: their edit lists show fewer.
TEST_P(FrameCount, IsWhatThePlayerShows) {
  const auto reader = VideoReader::Open(GetParam().path, kSmall);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->info().codec, GetParam().codec);
  EXPECT_EQ((*reader)->info().size, (PictureSize{GetParam().height, GetParam().width}));
  const auto video = ReadVideo(GetParam().path, {.size = kSmall});
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->frames, GetParam().frames);
  EXPECT_EQ(video->rgb.size(), GetParam().frames * 16 * 28 * 3u);
}

INSTANTIATE_TEST_SUITE_P(
    ShippedVideos, FrameCount,
    testing::Values(
        CountCase{"data/udacity_highway/clip_a_solid_white_right.mp4", "h264", 221, 540,
                  960},
        CountCase{"data/udacity_highway/clip_b_bridge.mp4", "h264", 88, 720, 1280},
        CountCase{"data/udacity_highway/clip_c_bridge_traffic.mp4", "h264", 100, 720,
                  1280},
        CountCase{"data/udacity_highway/clip_d_open_highway.mp4", "mpeg4", 76, 720,
                  1280},
        CountCase{"data/udacity_highway/clip_e_shadows.mp4", "h264", 38, 720, 1280},
        CountCase{"data/udacity_hevc/clip_a_480x270_20fps.hevc", "hevc", 177, 270, 480},
        CountCase{"runtime/ingest/testdata/clip_e_b_frames.mp4", "h264", 38, 90, 160},
        CountCase{"runtime/ingest/testdata/clip_e_b_frames.mkv", "h264", 38, 90, 160}));

double SquaredDistance(absl::Span<const uint8_t> a, absl::Span<const uint8_t> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = double{1} * a[i] - b[i];
    sum += d * d;
  }
  return sum;
}

// testdata/clip_e_b_frames.mp4 is clip e encoded again with 3 B-frames in a row
// (ffmpeg -i clip_e_shadows.mp4 -vf scale=160:90 -c:v libx264 -bf 3 -b_strategy 0
// -crf 30), so packets are out of display order. In display order each frame is most
// like the frame of the same number of clip e.
TEST(VideoReader, GivesFramesWithBPicturesInDisplayOrder) {
  const auto original =
      ReadVideo(std::string(kClips) + "clip_e_shadows.mp4", {.size = {88, 154}});
  const auto encoded =
      ReadVideo("runtime/ingest/testdata/clip_e_b_frames.mp4", {.size = {88, 154}});
  ASSERT_TRUE(original.ok() && encoded.ok()) << original.status() << encoded.status();
  for (int64_t i = 0; i < encoded->frames; ++i) {
    int64_t nearest = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < original->frames; ++j) {
      const double distance = SquaredDistance(encoded->frame(i), original->frame(j));
      if (distance < least) least = distance, nearest = j;
    }
    EXPECT_EQ(nearest, i);
  }
}

TEST(VideoReader, GivesTheSameBytesTwice) {
  const std::string path = std::string(kClips) + "clip_e_shadows.mp4";
  const auto first = ReadVideo(path, {.size = kSmall});
  const auto second = ReadVideo(path, {.size = kSmall});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->rgb, second->rgb);
}

class VideoErrors : public testing::Test {
 protected:
  std::string MessageOf(const std::string& path, ErrorCode code) {
    const auto video = ReadVideo(path, {.size = kSmall});
    EXPECT_FALSE(video.ok());
    EXPECT_EQ(GetErrorCode(video.status()), code);
    return folder_.Message(video.status());
  }
  TestFolder folder_;
};

TEST_F(VideoErrors, MissingFile) {
  EXPECT_EQ(MessageOf(folder_.path() + "/none.mp4", ErrorCode::kDataMissing),
            "E0401: no video file 'DIR/none.mp4'. Check the path.");
}

TEST_F(VideoErrors, EmptyFile) {
  EXPECT_EQ(
      MessageOf(folder_.Write("zero.mp4", ""), ErrorCode::kDataUnreadable),
      "E0402: cannot read video 'DIR/zero.mp4': the file is empty (0 bytes). Copy "
      "it again or remove it from the dataset.");
}

TEST_F(VideoErrors, TextNamedMp4) {
  EXPECT_EQ(MessageOf(folder_.Write("text.mp4", "this is not a video\n"),
                      ErrorCode::kDataUnreadable),
            "E0402: cannot read video 'DIR/text.mp4': it is not a complete video "
            "(FFmpeg: Invalid data found when processing input; file of 20 bytes). "
            "Tatami reads MP4, MOV, MKV and raw .hevc or .h264 files; if it is one, "
            "copy it again.");
}

TEST_F(VideoErrors, PictureNamedMp4) {
  EXPECT_EQ(MessageOf(folder_.Write("photo.mp4",
                                    ReadBytes("data/sullychen_garage/frames/0.jpg")),
                      ErrorCode::kDataUnreadable),
            "E0402: cannot read video 'DIR/photo.mp4': it is not a complete video "
            "(FFmpeg: not one of the known formats; file of 43006 bytes). Tatami reads "
            "MP4, MOV, MKV and raw .hevc or .h264 files; if it is one, copy it again.");
}

// The index of clip a stands at its beginning: the cut shows where packets end.
TEST_F(VideoErrors, TruncatedMp4WithItsIndex) {
  EXPECT_EQ(
      MessageOf(folder_.Write("cut.mp4", ReadBytes(ClipA()).substr(0, 1000000)),
                ErrorCode::kDataUnreadable),
      "E0402: cannot read video 'DIR/cut.mp4': it has a cut packet after 84 packets "
      "and "
      "84 frames (file of 1000000 bytes). The file is truncated or damaged: copy it "
      "again, or remove it from the dataset.");
}

// The index of clip d stands at its end and is lost with it.
TEST_F(VideoErrors, TruncatedMp4WithoutItsIndex) {
  const std::string bytes = ReadBytes(std::string(kClips) + "clip_d_open_highway.mp4");
  EXPECT_EQ(
      MessageOf(folder_.Write("cut.mp4", bytes.substr(0, 1000000)),
                ErrorCode::kDataUnreadable),
      "E0402: cannot read video 'DIR/cut.mp4': it is not a complete video "
      "(FFmpeg: Invalid data found when processing input; file of 1000000 bytes). "
      "Tatami reads MP4, MOV, MKV and raw .hevc or .h264 files; if it is one, "
      "copy it again.");
}

// Matroska lists no packets; the length in its header tells of the loss.
TEST_F(VideoErrors, TruncatedMkv) {
  const std::string bytes = ReadBytes("runtime/ingest/testdata/clip_e_b_frames.mkv");
  EXPECT_EQ(
      MessageOf(folder_.Write("cut.mkv", bytes.substr(0, 9000)),
                ErrorCode::kDataUnreadable),
      "E0402: cannot read video 'DIR/cut.mkv': it ends at 1.00 s of the 1.52 s in "
      "its header after 23 packets and 21 frames (file of 9000 bytes). The file is "
      "truncated or damaged: copy it again, or remove it from the dataset.");
}

TEST_F(VideoErrors, ChangedBytesAreNotConcealed) {
  std::string bytes = ReadBytes(ClipA());
  for (size_t i = 1000000; i < 1000400; ++i) bytes[i] = bytes[i] * 7 + 13;
  const std::string message =
      MessageOf(folder_.Write("changed.mp4", bytes), ErrorCode::kDataUnreadable);
  EXPECT_EQ(message.find("E0402: cannot read video 'DIR/changed.mp4': "), 0u)
      << message;
}

TEST(VideoLimits, TooFewFrames) {
  const auto video = ReadVideo(std::string(kClips) + "clip_e_shadows.mp4",
                               {.size = kSmall, .frames_min = 39});
  EXPECT_EQ(GetErrorCode(video.status()), ErrorCode::kDataTooSmall);
  EXPECT_EQ(
      video.status().message(),
      "E0404: video 'data/udacity_highway/clip_e_shadows.mp4' has 38 frames and a "
      "clip needs 39. Use shorter clips or a longer video.");
}

TEST(VideoLimits, TooManyBytes) {
  const auto video = ReadVideo(std::string(kClips) + "clip_e_shadows.mp4",
                               {.size = kSmall, .bytes_max = 16 * 28 * 3 * 10});
  EXPECT_EQ(GetErrorCode(video.status()), ErrorCode::kDoesNotFit);
  EXPECT_EQ(
      video.status().message(),
      "E0301: video 'data/udacity_highway/clip_e_shadows.mp4' does not fit the "
      "memory set aside for frames: frame 10 of 16x28 brings it to 14784 bytes, "
      "13440 are left. Choose smaller frames, cut the video, or raise the limit.");
}

}  // namespace
}  // namespace tatami
