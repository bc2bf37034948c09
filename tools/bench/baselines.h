// What others published about training on their chips (data/baselines), as part of the
// binary: curves over chips from MLPerf submissions, and single figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tools/bench/strict_csv.h"

namespace tatami {

// Where figures come from. A row's source is the key, a colon and a path there, or an
// address in full.
struct BaselineSource {
  std::string key;        // "T30"
  std::string published;  // "2023-06-27", or "" where we could not establish it
  std::string address, what;
};

// Training to a quality target on `chips` chips.
struct TrainingRow {
  std::string workload, chip;
  int64_t chips = 1;
  int64_t global_batch = 1;  // samples of a step, over all chips
  double minutes = 0;        // to the target, as MLPerf scores it
  // Samples trained over the whole run, evaluations included. Not a metric of MLPerf.
  std::optional<PrintedNumber> samples_per_s;
  std::string grade, source;
};

// Submissions that may be compared with one another: rows of one workload and one
// family of chips, the smallest first. A lone row is no curve but is kept.
struct TrainingCurve {
  std::vector<TrainingRow> rows;
};

// Samples per second and chip of row i over those of the first row; nullopt where
// either is not known, or where there is no other row to compare with.
std::optional<double> EfficiencyOf(const TrainingCurve& curve, size_t i);

// A single figure of any kind, as published.
struct PublishedFigure {
  std::string workload, chip;
  int64_t chips = 1;
  std::string precision;   // may be empty
  std::string value;       // as printed; "claim" where there is no number
  std::string unit;        // "img/s", "W"; may be empty
  std::string efficiency;  // percent of the smallest row, as published; may be empty
  std::string grade, source;
};

struct Baselines {
  std::vector<TrainingCurve> curves;
  std::vector<PublishedFigure> figures;
  std::vector<BaselineSource> sources;
};

struct BaselineTexts {
  absl::string_view training, figures, sources;
};

// The files of data/baselines. Defined in a generated source.
BaselineTexts EmbeddedBaselines();

// Error: E0402 with the file and the line for what ReadCsv refuses, a source without an
// entry, rows out of order, or an efficiency that is not that of its samples_s.
absl::StatusOr<Baselines> ParseBaselines(const BaselineTexts& texts);

// "T30" of "T30:eos_n8", "" of an address.
absl::string_view SourceKeyOf(absl::string_view source);

// "BowIPU" of "BowIPU-900MB-SRAM": the name up to the first hyphen or blank.
absl::string_view FamilyOf(absl::string_view name);
// Lower case, letters and digits only: "bow-ipu" and "BowIPU" are one name.
std::string PlainName(absl::string_view name);

// Curves and figures of `chips` and, unless it is empty, of `workload`; names are full
// or of a family, in any spelling that PlainName makes equal, and take in those that
// begin so ("resnet50" also "resnet50 to target"). A curve stays whole.
// Error: E0101 with the nearest name for one that nobody published about, or for a
// workload that is not there for these chips.
absl::StatusOr<Baselines> SelectBaselines(const Baselines& all,
                                          absl::Span<const std::string> chips,
                                          absl::string_view workload);

}  // namespace tatami
