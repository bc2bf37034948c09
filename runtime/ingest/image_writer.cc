#include "runtime/ingest/image_writer.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

uint8_t ToByte(float value) {
  if (std::isnan(value)) return 0;
  return static_cast<uint8_t>(
      std::lround((std::clamp(value, -0.5f, 0.5f) + 0.5f) * 255.f));
}

}  // namespace

absl::Status WritePng(absl::string_view path, PictureSize size,
                      absl::Span<const uint8_t> rgb) {
  TATAMI_CHECK(static_cast<int64_t>(rgb.size()) == size.pixels() * 3)
      << rgb.size() << " bytes for " << size.height << "x" << size.width;
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(size.width);
  image.height = static_cast<png_uint_32>(size.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, std::string(path).c_str(), /*convert_to_8bit=*/0,
                              rgb.data(), /*row_stride=*/0, nullptr) == 0) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("cannot write picture '", path, "': ", image.message,
                                  ". Check that the folder exists and the disk has "
                                  "room."));
  }
  return absl::OkStatus();
}

absl::Status WriteFillStrip(absl::string_view path, const FillStrip& strip) {
  constexpr int64_t kGap = 2;
  constexpr int64_t kColumns = 4;
  const int64_t height = strip.size.height, width = strip.size.width;
  const int64_t pixels = strip.size.pixels();
  TATAMI_CHECK(static_cast<int64_t>(strip.mask.size()) == strip.frames * pixels &&
               strip.truth.size() == strip.mask.size() * 3 &&
               strip.prediction.size() == strip.truth.size())
      << strip.mask.size() << ", " << strip.truth.size() << ", "
      << strip.prediction.size();
  const PictureSize sheet = {strip.frames * (height + kGap) - kGap,
                             kColumns * (width + kGap) - kGap};
  std::vector<uint8_t> rgb(sheet.pixels() * 3, 255);
  for (int64_t i = 0; i < strip.frames * pixels; ++i) {
    const int64_t t = i / pixels, y = i % pixels / width, x = i % width;
    const bool hidden = strip.mask[i] != 0;
    for (int64_t c = 0; c < 3; ++c) {
      const float truth = strip.truth[i * 3 + c];
      const float columns[kColumns] = {hidden ? 0 : truth, hidden ? truth : 0,
                                       hidden ? strip.prediction[i * 3 + c] : truth,
                                       truth};
      for (int64_t k = 0; k < kColumns; ++k) {
        const int64_t row = t * (height + kGap) + y, column = k * (width + kGap) + x;
        rgb[(row * sheet.width + column) * 3 + c] = ToByte(columns[k]);
      }
    }
  }
  return WritePng(path, sheet, rgb);
}

}  // namespace tatami
