#include "models/model.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "models/drivenet.h"
#include "models/resnet.h"

namespace tatami {

const std::vector<ModelPreset>& AllModels() {
  static const auto* const kModels = [] {
    auto* all = new std::vector<ModelPreset>();
    for (const auto& family : {DrivenetPresets(), ResnetPresets()}) {
      all->insert(all->end(), family.begin(), family.end());
    }
    std::sort(all->begin(), all->end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return all;
  }();
  return *kModels;
}

absl::StatusOr<ModelPreset> FindModel(absl::string_view name) {
  std::vector<std::string> names;
  for (const ModelPreset& preset : AllModels()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  const std::string nearest = NearestName(name, names);
  return MakeError(
      ErrorCode::kUnknownModel,
      absl::StrCat("no model '", name, nearest.empty() ? "'." : "'; ", nearest,
                   " Models are ", absl::StrJoin(names, ", "), "."));
}

BuiltModel BuildModel(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                      Mode mode) {
  return absl::StartsWith(preset.name, "drivenet")
             ? BuildDrivenet(g, preset, batch, mode)
             : BuildResnet(g, preset, batch, mode);
}

}  // namespace tatami
