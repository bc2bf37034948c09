#include "tools/bench/scaling_record.h"

#include <sched.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/strict_json.h"

namespace tatami {
namespace {

using nlohmann::json;

constexpr absl::string_view kKind = "tatami.scaling";
constexpr int64_t kVersion = 1;

// Takes the fields of one object, each by name, and remembers the first fault: one that
// is missing, of another type or out of range, or, in the end, one that nobody took.
class FieldReader {
 public:
  FieldReader(const json& object, std::string where, std::string& fault)
      : object_(object), where_(std::move(where)), fault_(fault) {
    if (!object.is_object()) Fail("is no object");
  }
  ~FieldReader() {
    if (!object_.is_object()) return;
    for (const auto& item : object_.items()) {
      if (!taken_.contains(item.key())) {
        Fail(absl::StrCat("has an unknown key '", item.key(), "'; known are ",
                          absl::StrJoin(taken_, ", ")));
      }
    }
  }

  bool Has(const char* key) {
    taken_.insert(key);
    return object_.contains(key);
  }
  const json& Take(const char* key) {
    static const json* const kNothing = new json();
    if (Has(key)) return object_[key];
    Fail(absl::StrCat("lacks '", key, "'"));
    return *kNothing;
  }
  std::string Text(const char* key) {
    const json& value = Take(key);
    if (value.is_string() && !value.get<std::string>().empty()) return value;
    Fail(absl::StrCat("needs a text as '", key, "'"));
    return "";
  }
  int64_t Count(const char* key) {
    const std::optional<int64_t> value = AsCount(Take(key));
    if (value && *value >= 1) return *value;
    Fail(absl::StrCat("needs a whole number above 0 as '", key, "'"));
    return 1;
  }
  double Number(const char* key, double least) {
    const json& value = Take(key);
    const double x = value.is_number() ? value.get<double>() : NAN;
    if (std::isfinite(x) && x >= least) return x;
    Fail(absl::StrCat("needs a number of at least ", least, " as '", key, "'"));
    return least;
  }
  // Which of `names` the field is.
  template <typename Choice>
  Choice OneOf(const char* key, std::initializer_list<Choice> choices) {
    const std::string text = Text(key);
    std::vector<absl::string_view> names;
    for (Choice choice : choices) {
      if (text == Name(choice)) return choice;
      names.push_back(Name(choice));
    }
    Fail(absl::StrCat("has '", text, "' as '", key, "', which is one of ",
                      absl::StrJoin(names, ", ")));
    return *choices.begin();
  }
  void Fail(absl::string_view what) {
    if (fault_.empty()) fault_ = absl::StrCat(where_, " ", what);
  }

 private:
  const json& object_;
  std::string where_;
  std::string& fault_;
  std::set<std::string> taken_;
};

constexpr double kAboveZero = 1e-300;

StepParts ReadParts(const json& object, std::string& fault) {
  FieldReader r(object, "'parts'", fault);
  return {.compute_s = r.Number("compute_s", 0),
          .exchange_s = r.Number("exchange_s", 0),
          .wait_s = r.Number("wait_s", 0),
          .ingest_wait_s = r.Number("ingest_wait_s", 0)};
}

ScalingPoint ReadPoint(const json& object, std::string& fault) {
  FieldReader r(object, "a point", fault);
  ScalingPoint p = {.chips = r.Count("chips"),
                    .step_s = r.Number("step_s", kAboveZero),
                    .samples_per_s = r.Number("samples_per_s", kAboveZero),
                    .efficiency = r.Number("efficiency", kAboveZero),
                    .efficiency_min = r.Number("efficiency_min", kAboveZero),
                    .efficiency_max = r.Number("efficiency_max", kAboveZero)};
  if (p.efficiency < p.efficiency_min || p.efficiency > p.efficiency_max) {
    r.Fail("has an efficiency outside of its least and its most");
  }
  if (r.Has("parts")) p.parts = ReadParts(object["parts"], fault);
  return p;
}

MachineDescription ReadMachine(const json& object, std::string& fault) {
  FieldReader r(object, "'machine'", fault);
  return {.name = r.Text("name"), .chip = r.Text("chip"), .chips = r.Count("chips")};
}

ScalingRecord ReadRecord(const json& object, std::string& fault) {
  FieldReader r(object, "the record", fault);
  if (r.Text("kind") != kKind) r.Fail(absl::StrCat("is not of kind '", kKind, "'"));
  if (r.Count("version") != kVersion) {
    r.Fail(absl::StrCat("is not of version ", kVersion, ", the only one"));
  }
  ScalingRecord record = {
      .mode = r.OneOf("mode", {ScalingMode::kMeasured, ScalingMode::kModelled}),
      .scaling = r.OneOf("scaling", {Scaling::kStrong, Scaling::kWeak}),
      .model = r.Text("model"),
      .machine = ReadMachine(r.Take("machine"), fault),
      .batch = r.Count("batch"),
      .precision = r.Text("precision"),
      .date = r.Text("date"),
      .software = r.Text("software")};
  const json& points = r.Take("points");
  if (!points.is_array() || points.empty()) r.Fail("needs a list of points");
  for (const json& point : points) {
    record.points.push_back(ReadPoint(point, fault));
    const size_t n = record.points.size();
    if (n > 1 && record.points[n - 2].chips >= record.points[n - 1].chips) {
      r.Fail("has points whose chips do not ascend");
    }
  }
  return record;
}

json ToJson(const ScalingPoint& p) {
  json object = {{"chips", p.chips},
                 {"step_s", p.step_s},
                 {"samples_per_s", p.samples_per_s},
                 {"efficiency", p.efficiency},
                 {"efficiency_min", p.efficiency_min},
                 {"efficiency_max", p.efficiency_max}};
  if (p.parts) {
    object["parts"] = {{"compute_s", p.parts->compute_s},
                       {"exchange_s", p.parts->exchange_s},
                       {"wait_s", p.parts->wait_s},
                       {"ingest_wait_s", p.parts->ingest_wait_s}};
  }
  return object;
}

// What Linux calls the processor.
std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return "unknown processor";
}

}  // namespace

absl::string_view Name(ScalingMode mode) {
  return mode == ScalingMode::kMeasured ? "measured" : "modelled";
}
absl::string_view Name(Scaling scaling) {
  return scaling == Scaling::kStrong ? "strong" : "weak";
}

std::string ToJsonLine(const ScalingRecord& record) {
  json points = json::array();
  for (const ScalingPoint& p : record.points) points.push_back(ToJson(p));
  const json object = {{"kind", std::string(kKind)},
                       {"version", kVersion},
                       {"mode", std::string(Name(record.mode))},
                       {"scaling", std::string(Name(record.scaling))},
                       {"model", record.model},
                       {"machine",
                        {{"name", record.machine.name},
                         {"chip", record.machine.chip},
                         {"chips", record.machine.chips}}},
                       {"batch", record.batch},
                       {"precision", record.precision},
                       {"date", record.date},
                       {"software", record.software},
                       {"points", std::move(points)}};
  return object.dump();
}

absl::StatusOr<std::vector<ScalingRecord>> ParseScalingRecords(
    absl::string_view text, absl::string_view origin) {
  std::vector<ScalingRecord> records;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    std::string fault;
    const std::optional<json> object = ParseJsonObject(line);
    if (!object) {
      fault = "it is not one JSON object without a key twice";
    } else {
      records.push_back(ReadRecord(*object, fault));
    }
    if (!fault.empty()) {
      return MakeError(
          ErrorCode::kDataUnreadable,
          absl::StrCat(origin, ", line ", number, ", is no scaling record: ", fault,
                       ". `tatami bench scaling --out FILE` writes them."));
    }
  }
  if (!records.empty()) return records;
  return MakeError(ErrorCode::kDataUnreadable,
                   absl::StrCat(origin,
                                " holds no scaling record. `tatami bench "
                                "scaling --out FILE` writes them."));
}

absl::StatusOr<std::vector<ScalingRecord>> ReadScalingRecords(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("cannot read '", path,
                                  "'. `tatami bench scaling --out FILE` writes such a "
                                  "file."));
  }
  std::stringstream text;
  text << file.rdbuf();
  return ParseScalingRecords(text.str(), path);
}

MachineDescription DescribeHost() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  const bool known = sched_getaffinity(0, sizeof usable, &usable) == 0;
  return {
      .name = "host", .chip = ProcessorName(), .chips = known ? CPU_COUNT(&usable) : 1};
}

std::string TodayAsIsoDate() {
  return absl::FormatTime("%Y-%m-%d", absl::Now(), absl::LocalTimeZone());
}

}  // namespace tatami
