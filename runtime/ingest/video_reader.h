// Reads a video file frame by frame as RGB bytes of one size.
//
// Containers MP4, MOV, Matroska and raw Annex-B streams; codecs are whatever the
// installed libavcodec decodes (H.264, HEVC and MPEG-4 Part 2 are tested). Frames come
// in display order, and only those that an MP4 edit list shows. Rotation metadata is
// not applied. Damage ends the read with kDataUnreadable and is never concealed, for a
// network would learn the grey blocks. What the file cannot betray is not seen: changed
// bytes inside HEVC slices without a hash, a raw stream cut between two pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/ingest/frame_scaler.h"

namespace tatami {

struct VideoInfo {
  std::string path;
  std::string codec;        // FFmpeg's name: "h264", "hevc", "mpeg4"
  PictureSize size;         // as stored, before cropping
  double frames_per_s = 0;  // 0 where the file does not tell
};

// Frames [frames, height, width, 3], row-major, 0..255.
struct RgbFrames {
  PictureSize size;
  int64_t frames = 0;
  std::vector<uint8_t> rgb;
  int64_t frame_bytes() const { return size.pixels() * 3; }
  absl::Span<const uint8_t> frame(int64_t i) const {
    return absl::MakeConstSpan(rgb).subspan(i * frame_bytes(), frame_bytes());
  }
};

// Thread-safety: use one reader from one thread at a time. The decoder runs on the
// calling thread alone, so that a result never depends on the number of cores.
class VideoReader {
 public:
  // Opens the first video stream of `path`; frames come out as `size` (frame_scaler.h
  // says how they are cropped and resized). kDataMissing if there is no such file,
  // kDataUnreadable if it is empty, not a video or holds no video stream.
  static absl::StatusOr<std::unique_ptr<VideoReader>> Open(absl::string_view path,
                                                           PictureSize size);
  ~VideoReader();
  VideoReader(const VideoReader&) = delete;
  VideoReader& operator=(const VideoReader&) = delete;

  const VideoInfo& info() const;

  // Writes the next frame into `rgb` (height * width * 3 bytes) and returns true, or
  // false after the last one. kDataUnreadable if the file is damaged or ends before the
  // packets that its index lists.
  absl::StatusOr<bool> Next(absl::Span<uint8_t> rgb);

 private:
  struct State;
  explicit VideoReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ReadVideoOptions {
  PictureSize size;
  int64_t frames_min = 1;
  int64_t bytes_max = int64_t{2} << 30;  // of decoded RGB
};

// Reads all shown frames. Errors as above; kDataTooSmall below frames_min, kDoesNotFit
// at the first frame that would exceed bytes_max.
absl::StatusOr<RgbFrames> ReadVideo(absl::string_view path,
                                    const ReadVideoOptions& options);

// True for the file name extensions that clip_dataset takes for videos.
bool HasVideoExtension(absl::string_view path);

}  // namespace tatami
