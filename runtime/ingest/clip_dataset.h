// A dataset folder, decoded into memory, as batches of clips.
//
// Everything that a batch holds is a pure function of the files, the options and the
// step: no hidden state, so any step can be made again, by any rank, in any order.
// Thread-safe after Load: all other methods are const.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/ingest/clip_split.h"
#include "runtime/ingest/hidden_patches.h"
#include "runtime/ingest/video_reader.h"

namespace tatami {

// Mirroring left and right, with the label's sign turned. Training clips only.
enum class Flip { kNever, kHalfOfTheClips };

struct ClipDatasetOptions {
  PictureSize size = {64, 112};
  ClipShape clip;
  HiddenPatchOptions hidden;
  HeldOut held_out;  // clip_split.h: ParseHeldOut, and the default for an empty one
  Flip flip = Flip::kNever;
  uint64_t seed = 1;
  int64_t bytes_max = int64_t{2} << 30;  // of decoded RGB, over all recordings
};

// One recording. `labels` is empty or has one number per frame.
struct ClipSource {
  std::string name;  // the file's or folder's own name
  RgbFrames frames;
  std::vector<float> labels;
};

// Clips in row-major f32. Colours are byte / 255 - 0.5, so within [-0.5, 0.5].
struct ClipBatch {
  int64_t clips = 0;  // N
  std::vector<float>
      frames;               // [N, T, H, W, 3], nothing blanked: apply the mask yourself
  std::vector<float> mask;  // [N, T, H, W, 1], 1 = hidden
  std::vector<float> labels;  // [N], of each clip's last frame; empty without labels
};

// Slots [begin, end) of the batch of `batch` clips that `step` trains on.
struct BatchSlots {
  int64_t step = 0;
  int64_t batch = 1;
  int64_t begin = 0;
  int64_t end = 1;
};

class ClipDataset {
 public:
  // Reads a folder of videos, a folder of pictures (image_folder.h), or one video file.
  // Of a folder that holds both, the videos. Files come in order of name.
  // Errors: kDataMissing, kDataUnreadable, kLabelMismatch, kDataTooSmall, kBadFlag,
  // each naming the file; kDoesNotFit above bytes_max.
  static absl::StatusOr<ClipDataset> Load(absl::string_view path,
                                          const ClipDatasetOptions& options);

  const ClipDatasetOptions& options() const { return options_; }
  absl::Span<const ClipSource> sources() const { return sources_; }
  const ClipSplit& split() const { return split_; }
  int64_t train_clips() const { return split_.train.size(); }
  int64_t held_out_clips() const { return split_.held_out_clips.size(); }
  bool has_labels() const { return has_labels_; }

  // The clips that `slots` train on, in slot order, with fresh masks and flips.
  // kDataTooSmall if a batch would need a clip twice, kBadFlag for slots outside it.
  absl::StatusOr<ClipBatch> TrainBatch(const BatchSlots& slots) const;

  // Held-out clips [first, first + count), with the masks that are theirs for good.
  // REQUIRES: the range is within held_out_clips().
  ClipBatch HeldOutBatch(int64_t first, int64_t count) const;

  // PSNR in dB on the hidden pixels of all held-out clips of FillFromNearestShown.
  double HeldOutFillPsnrDb() const;

 private:
  struct Draw {
    Clip clip;
    MaskKey mask;
    bool flipped = false;
  };
  void Append(const Draw& draw, ClipBatch& batch) const;

  ClipDatasetOptions options_;
  std::vector<ClipSource> sources_;
  ClipSplit split_;
  bool has_labels_ = false;
};

}  // namespace tatami
