#include "tools/bench/strict_csv.h"

#include <cmath>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

absl::Status CheckColumns(const std::vector<std::string>& found,
                          absl::string_view origin,
                          const std::vector<std::string>& columns) {
  if (found == columns) return absl::OkStatus();
  for (const std::string& name : found) {
    if (absl::c_linear_search(columns, name)) continue;
    const std::string nearest = NearestName(name, columns);
    return MakeError(
        ErrorCode::kDataUnreadable,
        absl::StrCat(origin, ", line 1: there is no column '", name, "'; ", nearest,
                     nearest.empty() ? "" : " ", "The columns are ",
                     absl::StrJoin(columns, ","), ", in this order."));
  }
  return MakeError(
      ErrorCode::kDataUnreadable,
      absl::StrCat(origin, ", line 1: the columns are ", absl::StrJoin(columns, ","),
                   ", in this order; the line reads ", absl::StrJoin(found, ","), "."));
}

}  // namespace

const std::string& CsvRow::Next() { return fields_[next_++]; }

void CsvRow::Fail(absl::string_view what) {
  if (!status_.ok()) return;
  status_ =
      MakeError(ErrorCode::kDataUnreadable, absl::StrCat(where_, ": ", what, "."));
}

void CsvRow::FailField(absl::string_view needs, absl::string_view field) {
  Fail(absl::StrCat("column ", columns_[next_ - 1], " needs ", needs, "; it has '",
                    field, "'"));
}

std::string CsvRow::OptionalText() { return Next(); }

std::string CsvRow::Text() {
  const std::string& field = Next();
  if (field.empty()) FailField("a text", field);
  return field;
}

int64_t CsvRow::Count() {
  const std::string& field = Next();
  int64_t count = 0;
  if (absl::SimpleAtoi(field, &count) && count > 0) return count;
  FailField("a whole number above 0", field);
  return 1;
}

PrintedNumber CsvRow::Number() {
  const std::string& field = Next();
  double value = 0;
  // Without an exponent, the last digit tells how exact the number is.
  const bool plain = field.find_first_not_of("0123456789.") == std::string::npos;
  if (plain && absl::SimpleAtod(field, &value) && value > 0) {
    const size_t point = field.find('.');
    const size_t decimals = point == std::string::npos ? 0 : field.size() - point - 1;
    return {.value = value, .error = 0.5 * std::pow(10.0, -double(decimals))};
  }
  FailField("a number above 0", field);
  return {.value = 1};
}

std::optional<PrintedNumber> CsvRow::OptionalNumber() {
  if (!fields_[next_].empty()) return Number();
  ++next_;
  return std::nullopt;
}

absl::StatusOr<std::vector<CsvRow>> ReadCsv(absl::string_view text,
                                            absl::string_view origin,
                                            const std::vector<std::string>& columns) {
  std::vector<CsvRow> rows;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (number > 1 && line.empty()) continue;
    std::vector<std::string> fields = absl::StrSplit(line, ',');
    if (number == 1) {
      TATAMI_RETURN_IF_ERROR(CheckColumns(fields, origin, columns));
      continue;
    }
    if (fields.size() != columns.size()) {
      return MakeError(
          ErrorCode::kDataUnreadable,
          absl::StrCat(origin, ", line ", number, ": ", fields.size(), " fields where ",
                       columns.size(), " belong (", absl::StrJoin(columns, ","),
                       "); no field may hold a comma."));
    }
    rows.emplace_back(columns, std::move(fields),
                      absl::StrCat(origin, ", line ", number));
  }
  if (!rows.empty()) return rows;
  return MakeError(ErrorCode::kDataUnreadable,
                   absl::StrCat(origin, " has no row below its columns."));
}

}  // namespace tatami
