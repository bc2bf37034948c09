#include "runtime/trainer/evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/status_macros.h"
#include "runtime/ingest/hidden_patches.h"
#include "runtime/ingest/image_writer.h"

namespace tatami {
namespace {

absl::Span<const std::byte> Raw(const std::vector<float>& values) {
  return {reinterpret_cast<const std::byte*>(values.data()),
          values.size() * sizeof(float)};
}

std::vector<float> Floats(const std::vector<std::byte>& bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

bool HasOutput(const Emulator& emulator, absl::string_view name) {
  const auto& fetches = emulator.program().fetches;
  return std::any_of(fetches.begin(), fetches.end(),
                     [&](const ProgramFetch& f) { return f.output == name; });
}

// The held-out clips [first, first + batch); the last clip is repeated past the end,
// and the repetitions are not measured.
ClipBatch PaddedBatch(const ClipDataset& data, int64_t first, int64_t batch) {
  const int64_t count = std::min(batch, data.held_out_clips() - first);
  ClipBatch out = data.HeldOutBatch(first, count);
  const auto repeat = [&](std::vector<float>& v) {
    const size_t each = v.size() / count;
    for (int64_t i = count; i < batch; ++i) {
      const std::vector<float> last(v.end() - each, v.end());
      v.insert(v.end(), last.begin(), last.end());
    }
  };
  repeat(out.frames);
  repeat(out.mask);
  repeat(out.labels);
  out.clips = count;
  return out;
}

float LabelOf(const ClipDataset& data, const Clip& clip) {
  const ClipShape& shape = data.options().clip;
  return data.sources()[clip.source].labels[clip.first_frame + shape.span() - 1];
}

// The mean absolute error of predicting the mean of the training labels.
double MeanLabelError(const ClipDataset& data) {
  double mean = 0, error = 0;
  for (const Clip& clip : data.split().train) mean += LabelOf(data, clip);
  mean /= static_cast<double>(data.train_clips());
  for (const Clip& clip : data.split().held_out_clips) {
    error += std::abs(LabelOf(data, clip) - mean);
  }
  return error / static_cast<double>(data.held_out_clips());
}

}  // namespace

absl::Status FeedBatch(Emulator& emulator, const ClipBatch& batch) {
  TATAMI_RETURN_IF_ERROR(emulator.Feed("frames", Raw(batch.frames)));
  TATAMI_RETURN_IF_ERROR(emulator.Feed("mask", Raw(batch.mask)));
  if (batch.labels.empty()) return absl::OkStatus();
  return emulator.Feed("labels", Raw(batch.labels));
}

absl::Status CopyStates(Emulator& from, Emulator& to, Transport& transport) {
  for (const ProgramState& state : to.program().states) {
    TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, from.ReadState(state.name));
    TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(bytes));
    TATAMI_RETURN_IF_ERROR(to.WriteState(state.name, bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationResult> Evaluate(Emulator& emulator, const ClipDataset& data,
                                          int64_t batch, Transport& transport,
                                          const std::string& strip_path) {
  EvaluationResult result;
  const bool root = transport.rank() == 0;
  const bool fills = HasOutput(emulator, "filled"),
             steers = HasOutput(emulator, "angle");
  HiddenError hidden;
  double angle_error = 0;
  int64_t angles = 0;
  for (int64_t first = 0; first < data.held_out_clips(); first += batch) {
    const ClipBatch clips = PaddedBatch(data, first, batch);
    TATAMI_RETURN_IF_ERROR(FeedBatch(emulator, clips));
    TATAMI_RETURN_IF_ERROR(emulator.Step());
    // Fetching is collective: every rank fetches everything, rank 0 alone measures.
    std::vector<std::byte> filled_bytes, angle_bytes;
    if (fills) {
      TATAMI_ASSIGN_OR_RETURN(filled_bytes, emulator.Fetch("filled"));
    }
    if (steers) {
      TATAMI_ASSIGN_OR_RETURN(angle_bytes, emulator.Fetch("angle"));
    }
    if (!root) continue;
    if (fills) {
      const std::vector<float> filled = Floats(filled_bytes);
      const size_t values = clips.frames.size() / batch * clips.clips;
      const auto part = [](const std::vector<float>& v, size_t n) {
        return absl::MakeConstSpan(v.data(), n);
      };
      hidden.Add(part(filled, values), part(clips.frames, values),
                 part(clips.mask, values / 3));
      if (first == 0 && !strip_path.empty()) {
        const size_t clip = clips.frames.size() / batch;
        result.strip_written =
            WriteFillStrip(strip_path, {.size = data.options().size,
                                        .frames = data.options().clip.frames,
                                        .truth = part(clips.frames, clip),
                                        .prediction = part(filled, clip),
                                        .mask = part(clips.mask, clip / 3)});
      }
    }
    if (steers) {
      const std::vector<float> predicted = Floats(angle_bytes);
      for (int64_t i = 0; i < clips.clips; ++i) {
        angle_error += std::abs(predicted[i] - clips.labels[i]);
        ++angles;
      }
    }
  }
  if (root && fills) {
    result.metrics["psnr_db"] = hidden.psnr_db();
    result.baselines["psnr_db"] = data.HeldOutFillPsnrDb();
  }
  if (root && steers) {
    result.metrics["mean_abs_error"] = angle_error / static_cast<double>(angles);
    result.baselines["mean_abs_error"] = MeanLabelError(data);
  }
  return result;
}

}  // namespace tatami
