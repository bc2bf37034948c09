#include "tools/simulate/chakra_ranks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr char kFormat[] = "tatami.chakra_ranks";
constexpr int64_t kVersion = 1;
constexpr int64_t kSideMax = int64_t{1} << 20;

using Json = nlohmann::json;
using Runs = std::vector<std::pair<int64_t, int64_t>>;

class Reader {
 public:
  explicit Reader(absl::string_view source) : source_(source) {}

  absl::StatusOr<RankMap> Read(absl::string_view text) const {
    const Json json = Json::parse(text.begin(), text.end(), nullptr,
                                  /*allow_exceptions=*/false);
    if (!json.is_object()) return Refuse("it is not a JSON object");
    if (json.value("format", Json()) != kFormat ||
        json.value("version", Json()) != kVersion) {
      return Refuse(absl::StrCat("its format is not ", kFormat, " version ", kVersion));
    }
    RankMap map;
    TATAMI_ASSIGN_OR_RETURN(map.mesh.rows, ReadWhole(json, "rows", 1, kSideMax));
    TATAMI_ASSIGN_OR_RETURN(map.mesh.cols, ReadWhole(json, "cols", 1, kSideMax));
    const Json traces = json.value("traces", Json());
    if (!traces.is_array()) return Refuse("traces is not a list");
    for (const Json& trace : traces) {
      TATAMI_ASSIGN_OR_RETURN(map.traces.emplace_back(), ReadTrace(trace, map.mesh));
    }
    TATAMI_RETURN_IF_ERROR(CheckCover(map));
    return map;
  }

 private:
  absl::Status Refuse(absl::string_view what) const {
    return MakeError(ErrorCode::kDataUnreadable,
                     absl::StrCat("cannot read rank map '", source_, "': ", what,
                                  ". Write it again with `tatami simulate --chakra`."));
  }

  absl::StatusOr<int64_t> ReadWhole(const Json& json, const std::string& name,
                                    int64_t low, int64_t high) const {
    const Json value = json.value(name, Json());
    if (!value.is_number_integer() || value < low || value > high) {
      return Refuse(absl::StrCat(name, " is ", value.dump(),
                                 "; must be a whole number ", low, " to ", high));
    }
    return value.get<int64_t>();
  }

  absl::StatusOr<RanksOfTrace> ReadTrace(const Json& json, const Mesh& mesh) const {
    if (!json.is_object()) return Refuse("a trace is not an object");
    const Json file = json.value("file", Json()), ranks = json.value("ranks", Json());
    RanksOfTrace out;
    if (file.is_string()) out.file = file.get<std::string>();
    if (out.file.empty() || absl::StrContains(out.file, "/")) {
      return Refuse("a trace's file is not the name of a file beside it");
    }
    if (!ranks.is_array()) return Refuse(out.file + " has no list of ranks");
    for (const Json& run : ranks) {
      const bool pair = run.is_array() && run.size() == 2 &&
                        run[0].is_number_integer() && run[1].is_number_integer();
      if (!pair || run[0] < 0 || run[1] < run[0] || run[1] >= mesh.nodes()) {
        return Refuse(absl::StrCat(out.file, " has ranks ", run.dump(),
                                   "; must be the first and the last of 0 to ",
                                   mesh.nodes() - 1));
      }
      out.runs.emplace_back(run[0].get<int64_t>(), run[1].get<int64_t>());
    }
    return out;
  }

  absl::Status CheckCover(const RankMap& map) const {
    Runs runs;
    std::vector<std::string> files;
    for (const RanksOfTrace& trace : map.traces) {
      runs.insert(runs.end(), trace.runs.begin(), trace.runs.end());
      files.push_back(trace.file);
    }
    std::sort(files.begin(), files.end());
    const auto twice = std::adjacent_find(files.begin(), files.end());
    if (twice != files.end()) return Refuse(*twice + " is named twice");
    std::sort(runs.begin(), runs.end());
    int64_t next = 0;
    for (const auto& [first, last] : runs) {
      if (first < next) return Refuse(absl::StrCat("rank ", first, " has two traces"));
      if (first > next) break;
      next = last + 1;
    }
    if (next == map.mesh.nodes()) return absl::OkStatus();
    return Refuse(absl::StrCat("rank ", next, " has no trace"));
  }

  absl::string_view source_;
};

}  // namespace

std::string RankMapText(const RankMap& map) {
  Json traces = Json::array();
  for (const RanksOfTrace& trace : map.traces) {
    traces.push_back({{"file", trace.file}, {"ranks", trace.runs}});
  }
  return Json{{"format", kFormat},
              {"version", kVersion},
              {"rows", map.mesh.rows},
              {"cols", map.mesh.cols},
              {"traces", std::move(traces)}}
             .dump() +
         "\n";
}

absl::StatusOr<RankMap> ParseRankMap(absl::string_view text, absl::string_view source) {
  return Reader(source).Read(text);
}

}  // namespace tatami
