// Data that are missing, damaged or not what their name says: E04xx, exit code 4.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

constexpr int kData = 4;

void ExpectDataRefused(const Scratch& scratch, const std::string& data,
                       absl::string_view message) {
  ExpectRefused(scratch, {"train", "--model", "drivenet-tiny", "--data", data}, kData,
                message);
}

TEST(Data, AFolderThatIsNotThereIsNamed) {
  const Scratch scratch;
  const std::string message =
      "E0401: no file or folder 'drives' to read data from. A relative path starts at "
      "the folder in which the command runs.";
  ExpectDataRefused(scratch, "drives", message);
  EXPECT_EQ(SampleOfPage("E0401"), message);
}

TEST(Data, AFolderWithoutVideosOrPicturesSaysWhatIsRead) {
  const Scratch scratch;
  scratch.Write("drives/notes.txt", "no video here");
  ExpectDataRefused(scratch, "drives",
                    "E0401: no videos (.mp4, .mov, .mkv, .hevc, .h264) in 'drives' and "
                    "no pictures (.jpg, .jpeg, .png) in it or in 'drives/frames'. Give "
                    "the folder that holds them itself.");
}

TEST(Data, AnEmptyVideoIsNamed) {
  const Scratch scratch;
  scratch.Write("drives/a.mp4", "");
  const std::string message =
      "E0402: cannot read video 'drives/a.mp4': the file is empty (0 bytes). Copy it "
      "again or remove it from the dataset.";
  ExpectDataRefused(scratch, "drives", message);
  EXPECT_EQ(SampleOfPage("E0402"), message);
}

std::string NoVideo(const std::string& file, size_t bytes) {
  return absl::StrCat(
      "E0402: cannot read video '", file,
      "': it is not a complete video (FFmpeg: Invalid data found when processing "
      "input; file of ",
      bytes,
      " bytes). Tatami reads MP4, MOV, MKV and raw .hevc or .h264 files; if it is one, "
      "copy it again.");
}

TEST(Data, ATextNamedAsAVideoIsNotOne) {
  const Scratch scratch;
  const std::string text = "this is no video\n";
  scratch.Write("drives/a.mp4", text);
  ExpectDataRefused(scratch, "drives", NoVideo("drives/a.mp4", text.size()));
}

// The index of an MP4 may stand at its end, which a copy that broke off has not.
TEST(Data, AVideoCutBeforeItsIndexIsIncomplete) {
  const Scratch scratch;
  const std::string whole = FileText("data/udacity_highway/clip_d_open_highway.mp4");
  scratch.Write("drives/a.mp4", whole.substr(0, 60000));
  ExpectDataRefused(scratch, "drives", NoVideo("drives/a.mp4", 60000));
}

TEST(Data, AGoodVideoDoesNotHideABadOne) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  scratch.Write("drives/b.mp4", "");
  ExpectDataRefused(scratch, "drives",
                    "E0402: cannot read video 'drives/b.mp4': the file is empty (0 "
                    "bytes). Copy it again or remove it from the dataset.");
}

class Labels : public ::testing::Test {
 protected:
  Labels() {
    for (int i = 0; i < 3; ++i) {
      scratch_.Write(
          absl::StrCat("drive/", i, ".jpg"),
          FileText(absl::StrCat("data/sullychen_garage/frames/", i, ".jpg")));
    }
  }
  Scratch scratch_;
};

TEST_F(Labels, ALineWhoseFrameIsMissingIsNamed) {
  scratch_.Write("drive/data.txt", "0.jpg 0.5\n1.jpg 0.5\n2.jpg 0.5\n3.jpg 0.5\n");
  const std::string message =
      "E0403: labels 'drive/data.txt' do not match the pictures: line 4 names "
      "'3.jpg', which is not among the 3 pictures in 'drive'. Restore the picture or "
      "delete the line.";
  ExpectDataRefused(scratch_, "drive", message);
  EXPECT_EQ(SampleOfPage("E0403"), message);
}

TEST_F(Labels, AFrameWithoutALineIsNamed) {
  scratch_.Write("drive/data.txt", "0.jpg 0.5\n2.jpg 0.5\n");
  ExpectDataRefused(scratch_, "drive",
                    "E0403: labels 'drive/data.txt' do not match the pictures: picture "
                    "'1.jpg' has no line (2 lines for 3 pictures). Add its line or "
                    "remove the picture.");
}

TEST_F(Labels, ALineThatIsNoLabelIsShown) {
  scratch_.Write("drive/data.txt", "0.jpg 0.5\n1.jpg left\n2.jpg 0.5\n");
  ExpectDataRefused(scratch_, "drive",
                    "E0403: labels 'drive/data.txt' do not match the pictures: line 2, "
                    "'1.jpg left', is not 'NAME NUMBER'. Correct or delete the line.");
}

TEST(Data, TooFewFramesForAClipAreCounted) {
  const Scratch scratch;
  scratch.Write("drive/0.jpg", FileText("data/sullychen_garage/frames/0.jpg"));
  const std::string message =
      "E0404: picture folder 'drive' has 1 frames and a clip needs 2. Use shorter "
      "clips or a longer recording.";
  ExpectDataRefused(scratch, "drive", message);
  EXPECT_EQ(SampleOfPage("E0404"), message);
}

}  // namespace
}  // namespace tatami::testing
