#include "runtime/ingest/image_folder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "runtime/ingest/image_writer.h"
#include "runtime/ingest/test_files.h"

namespace tatami {
namespace {

constexpr char kGarage[] = "data/sullychen_garage";
constexpr PictureSize kSmall = {16, 28};

TEST(ImageFolder, ListsTheGarageInNumericalOrder) {
  const auto folder = ListImageFolder(kGarage);
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(folder->names.size(), 101u);
  for (int i = 0; i < 101; ++i) {
    EXPECT_EQ(folder->names[i], std::to_string(i) + ".jpg");
  }
  // The extremes of data.txt: awk '{print $2}' data.txt | sort -g | sed -n '1p;$p'
  const auto [least, most] =
      std::minmax_element(folder->labels.begin(), folder->labels.end());
  EXPECT_FLOAT_EQ(*least, -2.22f);
  EXPECT_FLOAT_EQ(*most, 11.7f);
  EXPECT_FLOAT_EQ(folder->labels[100], 2.12f);  // the line without a newline
}

TEST(ImageFolder, ReadsAllPictures) {
  const auto folder = ListImageFolder(kGarage);
  ASSERT_TRUE(folder.ok());
  const auto frames = ReadImages(*folder, {.size = kSmall});
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ(frames->frames, 101);
  EXPECT_EQ(frames->rgb.size(), 101 * 16 * 28 * 3u);
}

// An independent encoder (libpng) and full colour range: black, white and one red.
TEST(ImageFolder, PngColoursComeBackExactly) {
  TestFolder folder;
  std::vector<uint8_t> rgb(8 * 8 * 3, 255);
  for (int i = 0; i < 24; ++i) rgb[i] = 0;
  rgb[24] = 200, rgb[25] = 10, rgb[26] = 30;
  const std::string path = folder.path() + "/a.png";
  ASSERT_TRUE(WritePng(path, {8, 8}, rgb).ok());
  std::vector<uint8_t> read(rgb.size());
  const absl::Status status = ReadImage(path, {8, 8}, absl::MakeSpan(read));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(read, rgb);
}

// A white square in the middle of black, twice as long as high: a square picture of it
// is all white. Each pixel comes from 4x4, so one column too many on a side would pull
// its pixels down to 3/4 of 255, 191; the limit lies half way.
TEST(ImageFolder, CropsTheCentreAndKeepsTheAspect) {
  TestFolder folder;
  for (const PictureSize size : {PictureSize{40, 80}, PictureSize{80, 40}}) {
    std::vector<uint8_t> rgb(size.pixels() * 3, 0);
    for (int64_t i = 0; i < size.pixels() * 3; ++i) {
      const int64_t y = i / 3 / size.width, x = i / 3 % size.width;
      const int64_t along = size.width > size.height ? x : y;
      if (20 <= along && along < 60) rgb[i] = 255;
    }
    const std::string path = folder.path() + "/square.png";
    ASSERT_TRUE(WritePng(path, size, rgb).ok());
    std::vector<uint8_t> read(10 * 10 * 3);
    ASSERT_TRUE(ReadImage(path, {10, 10}, absl::MakeSpan(read)).ok());
    EXPECT_GT(*std::min_element(read.begin(), read.end()), 223)
        << size.height << "x" << size.width;
    // The whole of it: a quarter black at each end, white between.
    std::vector<uint8_t> whole(size.pixels() / 16 * 3);
    ASSERT_TRUE(
        ReadImage(path, {size.height / 4, size.width / 4}, absl::MakeSpan(whole)).ok());
    EXPECT_LT(whole.front(), 32);
    EXPECT_GT(whole[whole.size() / 2 + size.width / 8 * 3], 223);
    EXPECT_LT(whole.back(), 32);
  }
}

class Labels : public testing::Test {
 protected:
  // Three pictures and these labels.
  absl::StatusOr<ImageFolder> List(const std::string& labels) {
    for (const char* name : {"1.jpg", "2.jpg", "10.jpg"}) folder_.Write(name, "x");
    folder_.Write("labels.txt", labels);
    return ListImageFolder(folder_.path());
  }
  std::string MessageOf(const std::string& labels) {
    const auto listed = List(labels);
    EXPECT_EQ(GetErrorCode(listed.status()), ErrorCode::kLabelMismatch);
    return folder_.Message(listed.status());
  }
  TestFolder folder_;
};

TEST_F(Labels, MayCarryADateAndComeInAnyOrder) {
  const auto listed = List(
      "# steering\n10.jpg -3.5,2018-07-01 17:09:44:912\n1.jpg 1.25\n\n2.jpg 0,x y\n");
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->names, (std::vector<std::string>{"1.jpg", "2.jpg", "10.jpg"}));
  EXPECT_EQ(listed->labels, (std::vector<float>{1.25f, 0.f, -3.5f}));
}

TEST_F(Labels, NamingAMissingPicture) {
  EXPECT_EQ(MessageOf("1.jpg 1\n2.jpg 2\n3.jpg 3\n10.jpg 4\n"),
            "E0403: labels 'DIR/labels.txt' do not match the pictures: line 3 names "
            "'3.jpg', which is not among the 3 pictures in 'DIR'. Restore the picture "
            "or delete the line.");
}

TEST_F(Labels, LackingAPicture) {
  EXPECT_EQ(
      MessageOf("1.jpg 1\n10.jpg 4"),
      "E0403: labels 'DIR/labels.txt' do not match the pictures: picture '2.jpg' "
      "has no line (2 lines for 3 pictures). Add its line or remove the picture.");
}

TEST_F(Labels, NamingAPictureTwice) {
  EXPECT_EQ(MessageOf("1.jpg 1\n2.jpg 2\n1.jpg 3\n"),
            "E0403: labels 'DIR/labels.txt' do not match the pictures: lines 1 and 3 "
            "both name '1.jpg'. Delete one of them.");
}

TEST_F(Labels, ThatAreNoNumbers) {
  EXPECT_EQ(MessageOf("1.jpg 1\n2.jpg left\n"),
            "E0403: labels 'DIR/labels.txt' do not match the pictures: line 2, '2.jpg "
            "left', is not 'NAME NUMBER'. Correct or delete the line.");
  EXPECT_EQ(MessageOf("1.jpg nan\n"),
            "E0403: labels 'DIR/labels.txt' do not match the pictures: line 1, '1.jpg "
            "nan', is not 'NAME NUMBER'. Correct or delete the line.");
}

class PictureErrors : public testing::Test {
 protected:
  std::string MessageOf(const std::string& path, ErrorCode code) {
    std::vector<uint8_t> rgb(kSmall.pixels() * 3);
    const absl::Status status = ReadImage(path, kSmall, absl::MakeSpan(rgb));
    EXPECT_EQ(GetErrorCode(status), code);
    return folder_.Message(status);
  }
  TestFolder folder_;
};

TEST_F(PictureErrors, NoFolderOrNoPictures) {
  EXPECT_EQ(folder_.Message(ListImageFolder(folder_.path() + "/none").status()),
            "E0401: no picture folder 'DIR/none'. Check the path.");
  const absl::Status empty = ListImageFolder(folder_.path()).status();
  EXPECT_EQ(folder_.Message(empty),
            "E0401: no videos (.mp4, .mov, .mkv, .hevc, .h264) in 'DIR' and no "
            "pictures (.jpg, .jpeg, .png) in it or in 'DIR/frames'. Give the folder "
            "that holds them itself.");
  EXPECT_EQ(GetErrorCode(empty), ErrorCode::kDataMissing);
}

TEST_F(PictureErrors, EmptyCutAndText) {
  EXPECT_EQ(MessageOf(folder_.Write("a.jpg", ""), ErrorCode::kDataUnreadable),
            "E0402: cannot read picture 'DIR/a.jpg': the file is empty (0 bytes). Copy "
            "it again or remove it and its label.");
  EXPECT_EQ(MessageOf(folder_.Write("b.jpg", "hello"), ErrorCode::kDataUnreadable),
            "E0402: cannot read picture 'DIR/b.jpg': its 5 bytes are neither JPEG nor "
            "PNG. Copy it again or remove it and its label.");
  const std::string whole = ReadBytes("data/sullychen_garage/frames/0.jpg");
  EXPECT_EQ(MessageOf(folder_.Write("c.jpg", whole.substr(0, 20000)),
                      ErrorCode::kDataUnreadable),
            "E0402: cannot read picture 'DIR/c.jpg': it is cut off after 20000 bytes. "
            "Copy it again or remove it and its label.");
  EXPECT_EQ(MessageOf(folder_.path() + "/none.jpg", ErrorCode::kDataMissing),
            "E0401: no picture 'DIR/none.jpg'. Check the path.");
}

}  // namespace
}  // namespace tatami
