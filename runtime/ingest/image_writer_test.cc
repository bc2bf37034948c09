#include "runtime/ingest/image_writer.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"
#include "runtime/ingest/image_folder.h"
#include "runtime/ingest/test_files.h"

namespace tatami {
namespace {

// Two frames of one shown and one hidden pixel: the strip is 4 rows (2 frames, a gap of
// 2) by 14 columns (4 of 2, 3 gaps of 2). Read back through libavcodec.
TEST(FillStrip, ShowsSeenHiddenFilledAndTruthSideBySide) {
  TestFolder folder;
  const std::string path = folder.path() + "/strip.png";
  const std::vector<float> truth = {0.5, 0.5, 0.5, -0.5, -0.5, -0.5,  // white, black
                                    0.5, 0.5, 0.5, -0.5, -0.5, -0.5};
  const std::vector<float> prediction = {0, 0, 0, 7, -7, 0.1f, 0, 0, 0, 0.5, 0.5, 0.5};
  const absl::Status status = WriteFillStrip(path, {.size = {1, 2},
                                                    .frames = 2,
                                                    .truth = truth,
                                                    .prediction = prediction,
                                                    .mask = {0, 1, 0, 1}});
  ASSERT_TRUE(status.ok()) << status;
  std::vector<uint8_t> rgb(4 * 14 * 3);
  ASSERT_TRUE(ReadImage(path, {4, 14}, absl::MakeSpan(rgb)).ok());
  const auto pixel = [&](int row, int column) {
    const uint8_t* p = &rgb[(row * 14 + column) * 3];
    return std::vector<int>{p[0], p[1], p[2]};
  };
  using Colour = std::vector<int>;
  const Colour white = {255, 255, 255}, black = {0, 0, 0}, grey = {128, 128, 128};
  for (int row : {0, 3}) {
    EXPECT_EQ(pixel(row, 0), white);
    EXPECT_EQ(pixel(row, 1), grey);   // hidden from the network
    EXPECT_EQ(pixel(row, 4), grey);   // was shown
    EXPECT_EQ(pixel(row, 5), black);  // what was hidden
    EXPECT_EQ(pixel(row, 8), white);
    EXPECT_EQ(pixel(row, 12), white);
    EXPECT_EQ(pixel(row, 13), black);
    EXPECT_EQ(pixel(row, 2), white);  // gap
  }
  EXPECT_EQ(pixel(0, 9), (Colour{255, 0, 153}));  // clipped; 0.6 * 255 = 153
  EXPECT_EQ(pixel(3, 9), white);
  EXPECT_EQ(pixel(1, 5), white);
}

TEST(WritePng, SaysWhyItCannotWrite) {
  TestFolder folder;
  const absl::Status status =
      WritePng(folder.path() + "/none/a.png", {1, 1}, std::vector<uint8_t>(3));
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kStorage);
  EXPECT_EQ(folder.Message(status),
            "E0602: cannot write picture 'DIR/none/a.png': No such file or directory. "
            "Check that the folder exists and the disk has room.");
}

}  // namespace
}  // namespace tatami
