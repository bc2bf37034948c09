#include "runtime/ingest/frame_scaler.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "core/check.h"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace tatami::ingest_internal {
namespace {

// Marks the centred crop on the frame. Offsets are even, so that pictures with halved
// chroma keep luma and chroma aligned.
int CropToAspect(AVFrame* frame, PictureSize size) {
  const double pixel_aspect =
      frame->sample_aspect_ratio.num > 0 ? av_q2d(frame->sample_aspect_ratio) : 1.0;
  const double aspect = static_cast<double>(size.width) / size.height / pixel_aspect;
  const int64_t width =
      std::clamp<int64_t>(std::llround(frame->height * aspect), 1, frame->width);
  const int64_t height =
      std::clamp<int64_t>(std::llround(frame->width / aspect), 1, frame->height);
  frame->crop_left = (frame->width - width) / 2 & ~int64_t{1};
  frame->crop_right = frame->width - width - frame->crop_left;
  frame->crop_top = (frame->height - height) / 2 & ~int64_t{1};
  frame->crop_bottom = frame->height - height - frame->crop_top;
  return av_frame_apply_cropping(frame, AV_FRAME_CROP_UNALIGNED);
}

int MatrixOf(AVColorSpace space) {
  return space == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : static_cast<int>(space);
}

// The J formats say "full range" in the format's name; swscale wants it as a flag.
bool IsFullRange(const AVFrame& frame) {
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      return frame.color_range == AVCOL_RANGE_JPEG;
  }
}

}  // namespace

void SilenceFfmpeg() {
  static const bool done = [] {
    av_log_set_level(AV_LOG_QUIET);
    return true;
  }();
  (void)done;
}

std::string FfmpegErrorText(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return text;
}

FrameScaler::~FrameScaler() { sws_freeContext(context_); }

absl::Status FrameScaler::Scale(AVFrame* frame, absl::Span<uint8_t> rgb) {
  TATAMI_CHECK(static_cast<int64_t>(rgb.size()) == size_.pixels() * 3)
      << rgb.size() << " bytes for " << size_.height << "x" << size_.width;
  if (const int error = CropToAspect(frame, size_); error < 0) {
    return absl::InternalError(FfmpegErrorText(error));
  }
  const bool shrinks = frame->height >= size_.height && frame->width >= size_.width;
  const int flags =
      (shrinks ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_BITEXACT;
  const auto format = static_cast<AVPixelFormat>(frame->format);
  context_ = sws_getCachedContext(context_, frame->width, frame->height, format,
                                  static_cast<int>(size_.width),
                                  static_cast<int>(size_.height), AV_PIX_FMT_RGB24,
                                  flags, nullptr, nullptr, nullptr);
  if (context_ == nullptr) {
    const char* name = av_get_pix_fmt_name(format);
    return absl::InternalError(absl::StrFormat(
        "no conversion from %dx%d %s to %dx%d RGB", frame->width, frame->height,
        name == nullptr ? "unknown format" : name, size_.width, size_.height));
  }
  constexpr int kNeutral = 1 << 16;  // contrast and saturation are 16.16 fixed point
  // Returns -1 for sources without a matrix (RGB pictures), which need none.
  sws_setColorspaceDetails(context_, sws_getCoefficients(MatrixOf(frame->colorspace)),
                           IsFullRange(*frame), sws_getCoefficients(SWS_CS_DEFAULT),
                           /*dstRange=*/1, /*brightness=*/0, kNeutral, kNeutral);
  uint8_t* planes[4] = {rgb.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(size_.width * 3), 0, 0, 0};
  const int rows = sws_scale(context_, frame->data, frame->linesize, 0, frame->height,
                             planes, strides);
  if (rows != size_.height) {
    return absl::InternalError(
        absl::StrFormat("swscale wrote %d of %d rows", rows, size_.height));
  }
  return absl::OkStatus();
}

}  // namespace tatami::ingest_internal
