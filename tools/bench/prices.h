// What an hour of a chip costs, as the user states it: prices move monthly and sources
// contradict one another, so none is built in (data/baselines/prices.csv has a few).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tatami {

struct ChipPrice {
  std::string chip;  // "H100": any word of a chip's full name
  double usd_per_chip_hour = 0;
  std::string date;    // of the price, "2026-03"
  std::string source;  // the file's words, or "--price"
};

// "h100=2.99", each dated `date`. Error: E0101 for another form, a price that is not
// above 0, or no date.
absl::StatusOr<std::vector<ChipPrice>> ParsePriceFlags(
    absl::Span<const std::string> flags, absl::string_view date);

// A file with the columns chip,chips,usd_per_hour,date,source; `chips` are what the
// price is for. Errors: E0401 when there is no such file, E0402 as of ReadCsv.
absl::StatusOr<std::vector<ChipPrice>> ReadPrices(const std::string& path);

// Whether the price's name is that of `chip` or a word of it: "h100" is one of
// "H100-80GB" and of "NVIDIA H100 80GB HBM3", "b200" is none of "GB200".
bool IsPriceOf(const ChipPrice& price, absl::string_view chip);

// The least price of `chip`, or nullptr.
const ChipPrice* CheapestOf(absl::Span<const ChipPrice> prices, absl::string_view chip);

}  // namespace tatami
