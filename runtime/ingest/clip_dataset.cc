#include "runtime/ingest/clip_dataset.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/ingest/image_folder.h"
#include "runtime/ingest/sample_order.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;

std::array<float, 256> MakeColourTable() {
  std::array<float, 256> table;
  for (int i = 0; i < 256; ++i) table[i] = static_cast<float>(i / 255.0 - 0.5);
  return table;
}

absl::StatusOr<std::vector<std::string>> VideoFiles(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string file = it->path().string();
    if (HasVideoExtension(file)) files.push_back(file);
  }
  if (error) {
    return MakeError(ErrorCode::kDataUnreadable,
                     absl::StrCat("cannot list dataset folder '", folder.string(),
                                  "': ", error.message(), ". Check its permissions."));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string OwnName(const fs::path& path) {
  return path.has_filename() ? path.filename().string()
                             : path.parent_path().filename().string();
}

absl::Status LoadVideos(absl::Span<const std::string> files, ReadVideoOptions read,
                        std::vector<ClipSource>& sources) {
  for (const std::string& file : files) {
    TATAMI_ASSIGN_OR_RETURN(RgbFrames frames, ReadVideo(file, read));
    read.bytes_max -= static_cast<int64_t>(frames.rgb.size());
    sources.push_back({.name = OwnName(file), .frames = std::move(frames)});
  }
  return absl::OkStatus();
}

absl::Status LoadPictures(absl::string_view path, const ReadVideoOptions& read,
                          std::vector<ClipSource>& sources) {
  TATAMI_ASSIGN_OR_RETURN(ImageFolder folder, ListImageFolder(path));
  TATAMI_ASSIGN_OR_RETURN(RgbFrames frames, ReadImages(folder, read));
  sources.push_back({.name = OwnName(std::string(path)),
                     .frames = std::move(frames),
                     .labels = std::move(folder.labels)});
  return absl::OkStatus();
}

absl::Status CheckSize(PictureSize size) {
  // swscale takes int extents; 16384 is far above any camera.
  constexpr int64_t kExtentMax = 16384;
  if (size.height >= 1 && size.width >= 1 && size.height <= kExtentMax &&
      size.width <= kExtentMax) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrFormat("picture size %dx%d is outside 1x1 to %dx%d.",
                                   size.height, size.width, kExtentMax, kExtentMax));
}

}  // namespace

absl::StatusOr<ClipDataset> ClipDataset::Load(absl::string_view path,
                                              const ClipDatasetOptions& options) {
  TATAMI_RETURN_IF_ERROR(CheckSize(options.size));
  TATAMI_RETURN_IF_ERROR(CheckHiddenPatches(options.size, options.hidden));
  const fs::path root{std::string(path)};
  std::error_code error;
  if (!fs::exists(root, error)) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no file or folder '", path,
                                  "' to read data from. A relative path starts at the "
                                  "folder in which the command runs."));
  }
  std::vector<std::string> files = {root.string()};
  if (fs::is_directory(root, error)) {
    TATAMI_ASSIGN_OR_RETURN(files, VideoFiles(root));
  }
  ClipDataset result;
  result.options_ = options;
  const ReadVideoOptions read = {.size = options.size,
                                 .frames_min = options.clip.span(),
                                 .bytes_max = options.bytes_max};
  TATAMI_RETURN_IF_ERROR(files.empty() ? LoadPictures(path, read, result.sources_)
                                       : LoadVideos(files, read, result.sources_));
  std::vector<SourceExtent> extents;
  result.has_labels_ = true;
  for (const ClipSource& source : result.sources_) {
    extents.push_back({source.name, source.frames.frames});
    result.has_labels_ = result.has_labels_ && !source.labels.empty();
  }
  TATAMI_ASSIGN_OR_RETURN(result.split_,
                          SplitClips(extents, options.held_out, options.clip));
  return result;
}

void ClipDataset::Append(const Draw& draw, ClipBatch& batch) const {
  static const std::array<float, 256> kColour = MakeColourTable();
  const ClipSource& source = sources_[draw.clip.source];
  const ClipShape& shape = options_.clip;
  const int64_t width = options_.size.width;
  for (int64_t t = 0; t < shape.frames; ++t) {
    const auto rgb =
        source.frames.frame(draw.clip.first_frame + t * shape.frame_stride);
    for (int64_t row = 0; row < options_.size.height; ++row) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t from = row * width + (draw.flipped ? width - 1 - x : x);
        for (int64_t c = 0; c < 3; ++c) {
          batch.frames.push_back(kColour[rgb[from * 3 + c]]);
        }
      }
    }
  }
  const size_t mask_begin = batch.mask.size();
  batch.mask.resize(mask_begin + shape.frames * options_.size.pixels());
  DrawMask(options_.size, shape.frames, options_.hidden, draw.mask,
           absl::MakeSpan(batch.mask).subspan(mask_begin));
  if (has_labels_) {
    const float label = source.labels[draw.clip.first_frame + shape.span() - 1];
    batch.labels.push_back(draw.flipped ? -label : label);
  }
  ++batch.clips;
}

absl::StatusOr<ClipBatch> ClipDataset::TrainBatch(const BatchSlots& slots) const {
  if (slots.step < 0 || slots.batch < 1 || slots.begin < 0 || slots.begin > slots.end ||
      slots.end > slots.batch) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrFormat("slots %d to %d of a batch of %d at step %d do not "
                        "exist.",
                        slots.begin, slots.end, slots.batch, slots.step));
  }
  if (slots.batch > train_clips()) {
    return MakeError(
        ErrorCode::kDataTooSmall,
        absl::StrFormat(
            "a batch of %d clips needs more than the %d training clips that "
            "the dataset has. Use a smaller batch, shorter clips, or more "
            "video.",
            slots.batch, train_clips()));
  }
  static const uint64_t kFlipStream = StreamOf("ingest.flip");
  const uint64_t seed = options_.seed;
  const int64_t values =
      (slots.end - slots.begin) * options_.clip.frames * options_.size.pixels();
  ClipBatch batch;
  batch.frames.reserve(values * 3);
  batch.mask.reserve(values);
  for (int64_t slot = slots.begin; slot < slots.end; ++slot) {
    const int64_t position = slots.step * slots.batch + slot;
    const bool flipped = options_.flip == Flip::kHalfOfTheClips &&
                         (RandomBits(seed, kFlipStream, position) >> 63) != 0;
    Append({.clip = split_.train[SampleAt(seed, train_clips(), position)],
            .mask = TrainMaskKey(seed, position),
            .flipped = flipped},
           batch);
  }
  return batch;
}

ClipBatch ClipDataset::HeldOutBatch(int64_t first, int64_t count) const {
  TATAMI_CHECK(0 <= first && 0 <= count && first + count <= held_out_clips())
      << "clips " << first << " + " << count << " of " << held_out_clips();
  ClipBatch batch;
  for (int64_t i = first; i < first + count; ++i) {
    const Clip& clip = split_.held_out_clips[i];
    Append({.clip = clip,
            .mask = HeldOutMaskKey(sources_[clip.source].name, clip.first_frame)},
           batch);
  }
  return batch;
}

double ClipDataset::HeldOutFillPsnrDb() const {
  HiddenError error;
  for (int64_t i = 0; i < held_out_clips(); ++i) {
    const ClipBatch batch = HeldOutBatch(i, 1);
    error.Add(FillFromNearestShown(options_.size, options_.clip.frames, options_.hidden,
                                   batch.frames, batch.mask),
              batch.frames, batch.mask);
  }
  return error.psnr_db();
}

}  // namespace tatami
