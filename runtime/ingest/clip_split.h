// Which windows of which recordings train, and which are held out to measure.
//
// Invariant: no frame between the first and the last of a training clip is held out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tatami {

// Frames [begin, end) of a recording.
struct FrameRange {
  int64_t begin = 0;
  int64_t end = 0;
  friend bool operator==(const FrameRange&, const FrameRange&) = default;
};

// What to hold out: whole recordings whose names start with one of `sources`, or blocks
// of frames of every recording. Empty: the default of SplitClips.
struct HeldOut {
  std::vector<std::string> sources;
  std::vector<FrameRange> blocks;
};

// Reads "clip_d,clip_e" (sources) or "12-16,32-36" (blocks; both ends are held out), or
// "" (the default). kBadFlag for anything else.
absl::StatusOr<HeldOut> ParseHeldOut(absl::string_view text);

// Which windows measure a held-out block: those whose frames all lie in it, or those
// whose last frame does. The label is the last frame's, so for labelled data the second
// measures every held-out label; earlier frames then serve as input alone.
enum class HeldOutWindows { kInside, kEndInside };

struct ClipShape {
  int64_t frames = 4;           // T
  int64_t frame_stride = 1;     // recorded frames from one frame of a clip to the next
  int64_t train_stride = 1;     // recorded frames between starts of training clips
  int64_t held_out_stride = 4;  // the same for held-out clips; 4 of 4: no overlap
  HeldOutWindows held_out_windows = HeldOutWindows::kInside;
  int64_t span() const { return (frames - 1) * frame_stride + 1; }
};

struct SourceExtent {
  std::string name;
  int64_t frames = 0;
};

// A window: frames first_frame + t * frame_stride of a source.
struct Clip {
  int64_t source = 0;
  int64_t first_frame = 0;
  friend bool operator==(const Clip&, const Clip&) = default;
};

struct ClipSplit {
  HeldOut held_out;  // as applied, the default spelled out
  std::vector<Clip> train;
  std::vector<Clip> held_out_clips;
};

// Lists the windows in order of source, then frame. By default the last but one of
// several sources is held out (an arbitrary choice that depends on names alone; clip d
// of udacity_highway), or the last of two; of a single source, frames 12-16 of every
// 20, stretched in proportion for clips that span more than 5 frames. Errors: kBadFlag
// for a name that no source has or a stride below 1; kDataTooSmall if nothing is left
// to train or to measure on.
absl::StatusOr<ClipSplit> SplitClips(absl::Span<const SourceExtent> sources,
                                     const HeldOut& held_out, const ClipShape& shape);

}  // namespace tatami
