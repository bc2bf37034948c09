#include "runtime/ingest/clip_split.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

bool LooksLikeBlock(absl::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789-") == text.npos;
}

absl::StatusOr<FrameRange> ParseBlock(absl::string_view text) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  FrameRange range;
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &range.begin) ||
      !absl::SimpleAtoi(ends[1], &range.end) || range.end < range.begin) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("held-out block '", text,
                                  "' is not FIRST-LAST with FIRST at most LAST. Write "
                                  "for example 12-16,32-36."));
  }
  ++range.end;  // the text names the last frame itself
  return range;
}

HeldOut DefaultHeldOut(absl::Span<const SourceExtent> sources, const ClipShape& shape) {
  HeldOut result;
  if (sources.size() > 1) {
    const size_t chosen = sources.size() == 2 ? 1 : sources.size() - 2;
    result.sources = {sources[chosen].name};
    return result;
  }
  const int64_t length = std::max<int64_t>(5, shape.span());
  const int64_t period = 4 * length;
  for (int64_t begin = period * 3 / 5; begin < sources[0].frames; begin += period) {
    result.blocks.push_back({begin, std::min(begin + length, sources[0].frames)});
  }
  return result;
}

absl::StatusOr<std::vector<bool>> WholeSourcesHeldOut(
    absl::Span<const SourceExtent> sources, const HeldOut& held_out) {
  std::vector<bool> result(sources.size(), false);
  for (const std::string& prefix : held_out.sources) {
    bool found = false;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (!absl::StartsWith(sources[i].name, prefix)) continue;
      result[i] = found = true;
    }
    if (found) continue;
    const auto name = [](std::string* out, const SourceExtent& s) {
      absl::StrAppend(out, s.name);
    };
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("no recording starts with held-out name '", prefix,
                     "'. The dataset has: ", absl::StrJoin(sources, ", ", name), "."));
  }
  return result;
}

absl::Status CheckShape(const ClipShape& shape) {
  for (const auto& [name, value] : {std::pair{"clip frames", shape.frames},
                                    {"frame stride", shape.frame_stride},
                                    {"train stride", shape.train_stride},
                                    {"held-out stride", shape.held_out_stride}}) {
    if (value < 1) {
      return MakeError(
          ErrorCode::kBadFlag,
          absl::StrFormat("%s is %d and must be at least 1.", name, value));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HeldOut> ParseHeldOut(absl::string_view text) {
  HeldOut result;
  if (text.empty()) return result;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    if (LooksLikeBlock(part)) {
      TATAMI_ASSIGN_OR_RETURN(result.blocks.emplace_back(), ParseBlock(part));
    } else {
      result.sources.emplace_back(part);
    }
  }
  const bool mixed = !result.sources.empty() && !result.blocks.empty();
  if (mixed || absl::c_linear_search(result.sources, "")) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("held-out list '", text,
                     "' must be names of recordings or blocks of frames, without gaps. "
                     "Write for example clip_d or 12-16,32-36."));
  }
  return result;
}

absl::StatusOr<ClipSplit> SplitClips(absl::Span<const SourceExtent> sources,
                                     const HeldOut& held_out, const ClipShape& shape) {
  TATAMI_RETURN_IF_ERROR(CheckShape(shape));
  ClipSplit split{.held_out = held_out};
  if (held_out.sources.empty() && held_out.blocks.empty() && !sources.empty()) {
    split.held_out = DefaultHeldOut(sources, shape);
  }
  TATAMI_ASSIGN_OR_RETURN(const std::vector<bool> whole,
                          WholeSourcesHeldOut(sources, split.held_out));
  int64_t frames_total = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto source = static_cast<int64_t>(i);
    const int64_t frames = sources[i].frames;
    frames_total += frames;
    std::vector<FrameRange> blocks = split.held_out.blocks;
    if (whole[i]) blocks = {{0, frames}};
    for (const FrameRange& block : blocks) {
      const int64_t last = std::min(block.end, frames) - shape.span();
      const int64_t lead =
          shape.held_out_windows == HeldOutWindows::kEndInside ? shape.span() - 1 : 0;
      for (int64_t f = std::max<int64_t>(0, block.begin - lead); f <= last;
           f += shape.held_out_stride) {
        split.held_out_clips.push_back({source, f});
      }
    }
    for (int64_t f = 0; f + shape.span() <= frames; f += shape.train_stride) {
      const auto touches = [&](const FrameRange& block) {
        return f < block.end && block.begin < f + shape.span();
      };
      if (std::none_of(blocks.begin(), blocks.end(), touches)) {
        split.train.push_back({source, f});
      }
    }
  }
  for (const auto& [use, clips] : {std::pair{"training", split.train.size()},
                                   {"held-out", split.held_out_clips.size()}}) {
    if (clips > 0) continue;
    return MakeError(
        ErrorCode::kDataTooSmall,
        absl::StrFormat("the dataset has no %s clip: %d recordings with %d frames, a "
                        "clip spans %d frames. Use shorter clips, more video, or hold "
                        "out other frames.",
                        use, sources.size(), frames_total, shape.span()));
  }
  return split;
}

}  // namespace tatami
