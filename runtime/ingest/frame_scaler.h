// Turns a decoded FFmpeg picture into RGB bytes of a fixed size. Internal to
// runtime/ingest: FFmpeg's types are only declared here, its headers stay in .cc files.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

struct AVFrame;
struct SwsContext;

namespace tatami {

// Height and width of a picture in pixels.
struct PictureSize {
  int64_t height = 0;
  int64_t width = 0;
  int64_t pixels() const { return height * width; }
  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

namespace ingest_internal {

// FFmpeg prints to stderr by default; its words belong into our messages instead.
// Sets FFmpeg's process-wide log level once.
void SilenceFfmpeg();

// FFmpeg's text for one of its negative error numbers.
std::string FfmpegErrorText(int error);

// Cuts the largest centred rectangle that has the aspect ratio of the wanted picture
// (with the source's pixel aspect ratio), then resizes it: by area when it shrinks,
// bicubic when it grows. Colours follow the picture's own matrix and range; BT.601
// where it names none. The same bytes on every x86 host (SWS_ACCURATE_RND and
// SWS_BITEXACT). Not thread-safe: one scaler per thread.
class FrameScaler {
 public:
  explicit FrameScaler(PictureSize size) : size_(size) {}
  ~FrameScaler();
  FrameScaler(const FrameScaler&) = delete;
  FrameScaler& operator=(const FrameScaler&) = delete;

  // Writes size.pixels() * 3 bytes, row-major RGB. Crops `frame` in place. An uncoded
  // error says what swscale refused; the caller names the file.
  absl::Status Scale(AVFrame* frame, absl::Span<uint8_t> rgb);

 private:
  PictureSize size_;
  SwsContext* context_ = nullptr;  // kept while pictures keep their size and format
};

}  // namespace ingest_internal
}  // namespace tatami
