// Comma-separated files of published figures and of prices, read strictly: a first line
// that names the columns, then one row a line, without quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

// A number as it is printed: `error` is half a unit of its last digit, so that the
// rounded figure lies within value - error to value + error. 63.8 has 0.05, 924 has
// 0.5.
struct PrintedNumber {
  double value = 0;
  double error = 0;
};

// Takes the fields of one row from left to right. The first fault is kept, with the
// name of the column; what is taken after it is a stand-in.
class CsvRow {
 public:
  CsvRow(const std::vector<std::string>& columns, std::vector<std::string> fields,
         std::string where)
      : columns_(columns), fields_(std::move(fields)), where_(std::move(where)) {}

  std::string Text();  // not empty
  std::string OptionalText();
  int64_t Count();         // a whole number above 0
  PrintedNumber Number();  // above 0
  std::optional<PrintedNumber> OptionalNumber();

  // Refuses the row, with the line and `what`.
  void Fail(absl::string_view what);
  // E0402 with the file, the line, the column and what stands there.
  absl::Status status() const { return status_; }

 private:
  const std::string& Next();
  void FailField(absl::string_view needs, absl::string_view field);

  const std::vector<std::string>& columns_;
  std::vector<std::string> fields_;
  std::string where_;
  size_t next_ = 0;
  absl::Status status_;
};

// The rows of `text` below the line of `columns`. Error: E0402 with `origin`, the line
// and the nearest name for a column that is not the one expected in its place, a row of
// more or fewer fields, or no row at all. `columns` must outlive the rows.
absl::StatusOr<std::vector<CsvRow>> ReadCsv(absl::string_view text,
                                            absl::string_view origin,
                                            const std::vector<std::string>& columns);

}  // namespace tatami
