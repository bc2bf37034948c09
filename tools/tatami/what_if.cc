#include "tools/tatami/what_if.h"

#include <cmath>
#include <optional>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// In the order in which they are applied: the others change what machine= brings.
const char* const kKeys[] = {"machine",   "mesh", "stages", "batch", "micro_batches",
                             "precision", "sram", "link",   "clock", "optimizer"};

// "0.5x"
std::optional<double> ParseFactor(absl::string_view text) {
  double factor = 0;
  if (!absl::ConsumeSuffix(&text, "x") || !absl::SimpleAtod(text, &factor) ||
      !std::isfinite(factor) || factor <= 0) {
    return std::nullopt;
  }
  return factor;
}

// "1.25MiB", "640KiB", or a factor of `of`.
std::optional<int64_t> ParseBytes(absl::string_view text, int64_t of) {
  if (const auto factor = ParseFactor(text)) {
    return std::llround(*factor * static_cast<double>(of));
  }
  double unit = 0, number = 0;
  for (const auto& [suffix, bytes] :
       {std::pair("KiB", 1024.0), {"MiB", 1048576.0}, {"GiB", 1073741824.0}}) {
    if (absl::ConsumeSuffix(&text, suffix)) {
      unit = bytes;
      break;
    }
  }
  if (unit == 0 || !absl::SimpleAtod(text, &number) || !(number > 0) ||
      !(number * unit < 1e18)) {
    return std::nullopt;
  }
  return std::llround(number * unit);
}

class ScenarioParser {
 public:
  ScenarioParser(const std::string& text, const TrainingChoice& base)
      : text_(text), out_(base) {}

  absl::StatusOr<TrainingChoice> Run() {
    const std::vector<std::string> parts = absl::StrSplit(text_, ',');
    std::set<std::string> given;
    for (const std::string& part : parts) {
      const std::pair<std::string, std::string> item =
          absl::StrSplit(part, absl::MaxSplits('=', 1));
      if (!absl::StrContains(part, '=')) {
        return Wrong(absl::StrCat("'", part, "' is not KEY=VALUE, as mesh=8x8"));
      }
      if (!absl::c_linear_search(kKeys, item.first)) {
        const std::string nearest = NearestName(
            item.first, std::vector<std::string>(std::begin(kKeys), std::end(kKeys)));
        return Wrong(absl::StrCat("no key '", item.first, "'",
                                  nearest.empty() ? "" : "; ", nearest));
      }
      if (!given.insert(item.first).second) {
        return Wrong(absl::StrCat("'", item.first, "' is given twice"));
      }
    }
    for (const absl::string_view key : kKeys) {
      for (absl::string_view part : parts) {
        if (!absl::ConsumePrefix(&part, absl::StrCat(key, "="))) continue;
        TATAMI_RETURN_IF_ERROR(Apply(key, std::string(part)),
                               absl::StrCat("in --if ", text_));
      }
    }
    TATAMI_RETURN_IF_ERROR(CheckMesh(out_.model), absl::StrCat("in --if ", text_));
    TATAMI_RETURN_IF_ERROR(CheckMicroBatches(out_.model),
                           absl::StrCat("in --if ", text_));
    return std::move(out_);
  }

 private:
  absl::Status Wrong(absl::string_view what) const {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--if ", text_, ": ", what, absl::EndsWith(what, "?") ? "" : ".",
                     " Keys are ", absl::StrJoin(kKeys, ", "), "."));
  }
  static absl::Status WrongValue(absl::string_view key, absl::string_view takes,
                                 absl::string_view value) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat(key, "= takes ", takes, "; got '", value, "'."));
  }

  static absl::Status ParseCount(absl::string_view key, absl::string_view value,
                                 int64_t& out) {
    if (absl::SimpleAtoi(value, &out) && out >= 1) return absl::OkStatus();
    return WrongValue(key, "a whole number from 1", value);
  }

  absl::Status Apply(absl::string_view key, const std::string& value) {
    MachineSpec& machine = out_.model.machine;
    if (key == "machine") {
      TATAMI_ASSIGN_OR_RETURN(machine, LoadMachine(value));
      out_.model.live.reset();  // the map is of the machine given before
    } else if (key == "mesh") {
      TATAMI_ASSIGN_OR_RETURN(out_.model.mesh, ParseMesh(value));
    } else if (key == "stages") {
      TATAMI_ASSIGN_OR_RETURN(out_.model.stages, ParseMesh(value));
    } else if (key == "batch") {
      return ParseCount(key, value, out_.model.batch);
    } else if (key == "micro_batches") {
      return ParseCount(key, value, out_.model.micro_batches);
    } else if (key == "precision") {
      TATAMI_ASSIGN_OR_RETURN(out_.model.precision,
                              ParsePrecision("precision= takes", value));
    } else if (key == "optimizer") {
      out_.optimizer.name = value;
    } else if (key == "sram") {
      const auto bytes = ParseBytes(value, machine.sram_bytes);
      if (!bytes)
        return WrongValue(key, "a size as 1.25MiB or a factor as 0.5x", value);
      if (*bytes <= machine.code_bytes_reserved) {
        return WrongValue(key,
                          absl::StrFormat("more than the %.1f KiB of code",
                                          machine.code_bytes_reserved / 1024.0),
                          value);
      }
      machine.sram_bytes = *bytes;
    } else {
      const auto factor = ParseFactor(value);
      if (!factor) return WrongValue(key, "a factor as 0.5x", value);
      machine.link_bytes_per_s *= *factor;
      if (key == "clock") {
        machine.clock_hz *= *factor;
        machine.matrix_flops_per_s *= *factor;
        machine.vector_flops_per_s *= *factor;
        machine.hop_ns /= *factor;
      }
    }
    return absl::OkStatus();
  }

  const std::string& text_;
  TrainingChoice out_;
};

double Change(const ScenarioOutcome& outcome, const ScenarioOutcome& base) {
  return outcome.attempt.step_ns / base.attempt.step_ns - 1;
}

}  // namespace

absl::StatusOr<std::vector<Scenario>> ParseScenarios(
    const std::vector<std::string>& texts, const TrainingChoice& base) {
  std::vector<Scenario> out;
  for (const std::string& text : texts) {
    TATAMI_ASSIGN_OR_RETURN(TrainingChoice choice, ScenarioParser(text, base).Run());
    out.push_back({.name = text, .choice = std::move(choice)});
  }
  return out;
}

absl::StatusOr<std::vector<ScenarioOutcome>> TryScenarios(
    const std::vector<Scenario>& scenarios, const ModelChoice& given_choice,
    const absl::StatusOr<Compiled>& given) {
  TATAMI_ASSIGN_OR_RETURN(const Attempt attempt, AttemptOf(given));
  std::vector<ScenarioOutcome> out = {{.name = "as given",
                                       .batch = given_choice.batch,
                                       .micro_batches = given_choice.micro_batches,
                                       .precision = given_choice.precision,
                                       .attempt = attempt}};
  for (const Scenario& scenario : scenarios) {
    ScenarioOutcome outcome{.name = scenario.name,
                            .batch = scenario.choice.model.batch,
                            .micro_batches = scenario.choice.model.micro_batches,
                            .precision = scenario.choice.model.precision,
                            .attempt = {}};
    TATAMI_ASSIGN_OR_RETURN(outcome.attempt, TryTraining(scenario.choice),
                            absl::StrCat("in --if ", scenario.name));
    out.push_back(std::move(outcome));
  }
  return out;
}

std::string ScenarioTable(const std::vector<ScenarioOutcome>& outcomes) {
  std::string out =
      absl::StrFormat("%-24s %-4s %10s %11s %10s %6s %8s\n", "modelled", "fits",
                      "peak KiB", "step us", "us/sample", "gap", "change");
  for (const ScenarioOutcome& o : outcomes) {
    // A long name has a line of its own.
    const bool wide = o.name.size() > 24;
    if (wide) absl::StrAppend(&out, o.name, "\n");
    absl::StrAppendFormat(&out, "%-24s %-4s %10.1f", wide ? "" : o.name,
                          o.attempt.fits ? "yes" : "no", o.attempt.peak_bytes / 1024.0);
    if (o.attempt.fits) {
      absl::StrAppendFormat(&out, " %11.1f %10.1f %4.1f %%", o.attempt.step_ns / 1e3,
                            o.attempt.step_ns / 1e3 / static_cast<double>(o.batch),
                            100 * o.attempt.gap);
      if (&o != &outcomes[0] && outcomes[0].attempt.fits) {
        absl::StrAppendFormat(&out, " %+6.1f %%", 100 * Change(o, outcomes[0]));
      }
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

nlohmann::json ScenarioJson(const std::vector<ScenarioOutcome>& outcomes) {
  nlohmann::json out = nlohmann::json::array();
  for (const ScenarioOutcome& o : outcomes) {
    nlohmann::json object = {{"scenario", o.name},
                             {"fits", o.attempt.fits},
                             {"peak_bytes", o.attempt.peak_bytes},
                             {"batch", o.batch},
                             {"micro_batches", o.micro_batches},
                             {"precision", Name(o.precision)}};
    if (o.attempt.fits) {
      object["step_ns"] = o.attempt.step_ns;
      object["gap"] = o.attempt.gap;
      if (outcomes[0].attempt.fits) object["change"] = Change(o, outcomes[0]);
    }
    out.push_back(std::move(object));
  }
  return out;
}

}  // namespace tatami
