#include "tools/bench/baselines.h"

#include <cmath>
#include <iterator>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr absl::string_view kTrainingFile = "data/baselines/mlperf_training.csv";
constexpr absl::string_view kFiguresFile = "data/baselines/throughput_and_cost.csv";
constexpr const char* kFamilyEnd = "- ";  // of a chip's name
constexpr absl::string_view kSourcesFile = "data/baselines/sources.csv";

bool HasKnownSource(absl::string_view source,
                    const std::vector<BaselineSource>& sources) {
  const absl::string_view key = SourceKeyOf(source);
  return key.empty() ||
         absl::c_any_of(sources, [&](const BaselineSource& s) { return s.key == key; });
}

void CheckSource(const std::string& source, const std::vector<BaselineSource>& sources,
                 CsvRow& row) {
  if (HasKnownSource(source, sources)) return;
  row.Fail(absl::StrCat("the source '", source, "' has a key that is not in ",
                        kSourcesFile));
}

absl::StatusOr<std::vector<BaselineSource>> ParseSources(absl::string_view text) {
  static const auto* const kColumns =
      new std::vector<std::string>{"key", "published", "address", "what"};
  std::vector<BaselineSource> sources;
  TATAMI_ASSIGN_OR_RETURN(std::vector<CsvRow> rows,
                          ReadCsv(text, kSourcesFile, *kColumns));
  for (CsvRow& row : rows) {
    sources.push_back({.key = row.Text(),
                       .published = row.OptionalText(),
                       .address = row.Text(),
                       .what = row.Text()});
    TATAMI_RETURN_IF_ERROR(row.status());
  }
  return sources;
}

double SamplesPerChip(const TrainingRow& row) {
  return row.samples_per_s->value / static_cast<double>(row.chips);
}

// The published percentage and ours differ at most by the rounding of the percentage
// and of the two rates, whose relative errors add up to first order.
void CheckEfficiency(const TrainingCurve& curve, const PrintedNumber& percent,
                     CsvRow& row) {
  const std::optional<double> ours = EfficiencyOf(curve, curve.rows.size() - 1);
  if (!ours) return row.Fail("eff_pct without the samples_s that it is made of");
  const PrintedNumber &first = *curve.rows.front().samples_per_s,
                      &last = *curve.rows.back().samples_per_s;
  const double error =
      percent.error +
      100 * *ours * (first.error / first.value + last.error / last.value);
  if (std::abs(100 * *ours - percent.value) <= error) return;
  row.Fail(
      absl::StrFormat("eff_pct is %g, but samples_s over that of the smallest "
                      "row, for each chip, makes %.2f",
                      percent.value, 100 * *ours));
}

// A row without eff_pct, or with 100, opens a curve; those with less follow it.
absl::StatusOr<std::vector<TrainingCurve>> ParseTraining(
    absl::string_view text, const std::vector<BaselineSource>& sources) {
  static const auto* const kColumns = new std::vector<std::string>{
      "workload",  "chip",    "n",     "global_batch", "minutes",
      "samples_s", "eff_pct", "grade", "source"};
  std::vector<TrainingCurve> curves;
  TATAMI_ASSIGN_OR_RETURN(std::vector<CsvRow> rows,
                          ReadCsv(text, kTrainingFile, *kColumns));
  for (CsvRow& row : rows) {
    TrainingRow r = {.workload = row.Text(),
                     .chip = row.Text(),
                     .chips = row.Count(),
                     .global_batch = row.Count(),
                     .minutes = row.Number().value,
                     .samples_per_s = row.OptionalNumber()};
    const std::optional<PrintedNumber> percent = row.OptionalNumber();
    r.grade = row.Text();
    r.source = row.Text();
    CheckSource(r.source, sources, row);
    const bool opens = !percent || percent->value == 100;
    if (opens) curves.emplace_back();
    if (curves.empty()) {
      row.Fail("eff_pct below 100 without a smaller row above");
    } else {
      curves.back().rows.push_back(r);
    }
    if (!opens && row.status().ok()) {
      const TrainingRow& first = curves.back().rows.front();
      if (first.workload != r.workload || FamilyOf(first.chip) != FamilyOf(r.chip) ||
          first.chips >= r.chips) {
        row.Fail(absl::StrCat("eff_pct below 100 of ", r.workload, " on ", r.chips, " ",
                              r.chip, ", but the row with 100 above is of ",
                              first.workload, " on ", first.chips, " ", first.chip));
      }
      CheckEfficiency(curves.back(), *percent, row);
    }
    TATAMI_RETURN_IF_ERROR(row.status());
  }
  return curves;
}

absl::StatusOr<std::vector<PublishedFigure>> ParseFigures(
    absl::string_view text, const std::vector<BaselineSource>& sources) {
  static const auto* const kColumns =
      new std::vector<std::string>{"workload", "chip",    "n",     "precision", "value",
                                   "unit",     "eff_pct", "grade", "source"};
  std::vector<PublishedFigure> figures;
  TATAMI_ASSIGN_OR_RETURN(std::vector<CsvRow> rows,
                          ReadCsv(text, kFiguresFile, *kColumns));
  for (CsvRow& row : rows) {
    PublishedFigure f = {.workload = row.Text(),
                         .chip = row.Text(),
                         .chips = row.Count(),
                         .precision = row.OptionalText(),
                         .value = row.OptionalText(),
                         .unit = row.OptionalText(),
                         .efficiency = row.OptionalText(),
                         .grade = row.Text(),
                         .source = row.Text()};
    CheckSource(f.source, sources, row);
    TATAMI_RETURN_IF_ERROR(row.status());
    figures.push_back(std::move(f));
  }
  return figures;
}

// Names of one kind that are published about, and what ends a family's name in them.
struct KnownNames {
  absl::string_view flag;
  const char* separators;
  std::set<std::string> full;
};

absl::Status CheckName(const KnownNames& names, absl::string_view name) {
  std::set<std::string> families, plain;
  std::vector<std::string> spellings;  // with which a typing error is compared
  for (const std::string& full : names.full) {
    const std::string family = full.substr(0, full.find_first_of(names.separators));
    families.insert(family);
    for (const std::string& known : {full, family}) {
      plain.insert(PlainName(known));
      spellings.push_back(absl::AsciiStrToLower(known));
    }
  }
  if (plain.contains(PlainName(name))) return absl::OkStatus();
  const std::string nearest = NearestName(absl::AsciiStrToLower(name), spellings);
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat(names.flag, ": nothing published about '", name, "'; ",
                                nearest, nearest.empty() ? "" : " ", "There are ",
                                absl::StrJoin(families, ", "), "."));
}

bool IsOf(absl::string_view full, absl::string_view name) {
  return absl::StartsWith(PlainName(full), PlainName(name));
}

}  // namespace

absl::string_view FamilyOf(absl::string_view name) {
  return name.substr(0, name.find_first_of(kFamilyEnd));
}

// Keys are three capitals or digits, so that no address looks like one.
absl::string_view SourceKeyOf(absl::string_view source) {
  constexpr size_t kLetters = 3;
  const absl::string_view key = source.substr(0, kLetters);
  const bool is_key = absl::c_all_of(
      key, [](char c) { return absl::ascii_isupper(c) || absl::ascii_isdigit(c); });
  return is_key && source.find(':') == kLetters ? key : "";
}

std::string PlainName(absl::string_view name) {
  std::string plain;
  for (char c : name) {
    if (absl::ascii_isalnum(c)) plain += absl::ascii_tolower(c);
  }
  return plain;
}

std::optional<double> EfficiencyOf(const TrainingCurve& curve, size_t i) {
  const TrainingRow &first = curve.rows.front(), &row = curve.rows[i];
  if (curve.rows.size() < 2 || !first.samples_per_s || !row.samples_per_s) {
    return std::nullopt;
  }
  return SamplesPerChip(row) / SamplesPerChip(first);
}

absl::StatusOr<Baselines> ParseBaselines(const BaselineTexts& texts) {
  Baselines all;
  TATAMI_ASSIGN_OR_RETURN(all.sources, ParseSources(texts.sources));
  TATAMI_ASSIGN_OR_RETURN(all.curves, ParseTraining(texts.training, all.sources));
  TATAMI_ASSIGN_OR_RETURN(all.figures, ParseFigures(texts.figures, all.sources));
  return all;
}

absl::StatusOr<Baselines> SelectBaselines(const Baselines& all,
                                          absl::Span<const std::string> chips,
                                          absl::string_view workload) {
  KnownNames known_chips = {.flag = "--against", .separators = kFamilyEnd, .full = {}};
  KnownNames known_workloads = {.flag = "--workload", .separators = " ", .full = {}};
  const auto note = [&](const auto& row) {
    known_chips.full.insert(row.chip);
    known_workloads.full.insert(row.workload);
  };
  for (const TrainingCurve& curve : all.curves) absl::c_for_each(curve.rows, note);
  absl::c_for_each(all.figures, note);
  for (const std::string& chip : chips) {
    TATAMI_RETURN_IF_ERROR(CheckName(known_chips, chip));
  }
  if (!workload.empty()) {
    TATAMI_RETURN_IF_ERROR(CheckName(known_workloads, workload));
  }
  std::set<std::string> of_these_chips;
  const auto is_wanted = [&](const auto& row) {
    if (absl::c_none_of(chips, [&](const auto& c) { return IsOf(row.chip, c); })) {
      return false;
    }
    of_these_chips.insert(row.workload);
    return IsOf(row.workload, workload);
  };
  Baselines selected = {.sources = all.sources};
  for (const TrainingCurve& curve : all.curves) {
    if (absl::c_any_of(curve.rows, is_wanted)) selected.curves.push_back(curve);
  }
  absl::c_copy_if(all.figures, std::back_inserter(selected.figures), is_wanted);
  if (selected.curves.empty() && selected.figures.empty()) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--workload: nothing published about '", workload,
                                  "' on ", absl::StrJoin(chips, ", "), "; there are ",
                                  absl::StrJoin(of_these_chips, ", "), "."));
  }
  return selected;
}

}  // namespace tatami
