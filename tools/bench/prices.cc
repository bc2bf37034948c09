#include "tools/bench/prices.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/baselines.h"
#include "tools/bench/strict_csv.h"

namespace tatami {
absl::StatusOr<std::vector<ChipPrice>> ParsePriceFlags(
    absl::Span<const std::string> flags, absl::string_view date) {
  if (flags.empty() != date.empty()) {
    return MakeError(ErrorCode::kBadFlag,
                     "--price and --price_date go together: a price without its date "
                     "says little. Write --price h100=2.99 --price_date 2026-03.");
  }
  std::vector<ChipPrice> prices;
  for (const std::string& flag : flags) {
    const std::vector<std::string> parts = absl::StrSplit(flag, '=');
    double usd = 0;
    if (parts.size() != 2 || PlainName(parts[0]).empty() ||
        !absl::SimpleAtod(parts[1], &usd) || !std::isfinite(usd) || usd <= 0) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat("--price: '", flag,
                                    "' is not CHIP=USD with US dollars above 0 for an "
                                    "hour of one chip, as in h100=2.99."));
    }
    prices.push_back({.chip = parts[0],
                      .usd_per_chip_hour = usd,
                      .date = std::string(date),
                      .source = "--price"});
  }
  return prices;
}

absl::StatusOr<std::vector<ChipPrice>> ReadPrices(const std::string& path) {
  static const auto* const kColumns =
      new std::vector<std::string>{"chip", "chips", "usd_per_hour", "date", "source"};
  std::ifstream file(path);
  if (!file) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("--prices: cannot read '", path,
                                  "'. data/baselines/prices.csv is an example."));
  }
  std::stringstream text;
  text << file.rdbuf();
  TATAMI_ASSIGN_OR_RETURN(std::vector<CsvRow> rows,
                          ReadCsv(text.str(), path, *kColumns));
  std::vector<ChipPrice> prices;
  for (CsvRow& row : rows) {
    ChipPrice price = {.chip = row.Text()};
    const int64_t chips = row.Count();
    price.usd_per_chip_hour = row.Number().value / static_cast<double>(chips);
    price.date = row.Text();
    price.source = row.Text();
    TATAMI_RETURN_IF_ERROR(row.status());
    prices.push_back(std::move(price));
  }
  return prices;
}

bool IsPriceOf(const ChipPrice& price, absl::string_view chip) {
  const std::string plain = PlainName(price.chip);
  if (plain == PlainName(chip)) return true;
  for (absl::string_view word : absl::StrSplit(chip, absl::ByAnyChar(" -"))) {
    if (PlainName(word) == plain) return true;
  }
  return false;
}

const ChipPrice* CheapestOf(absl::Span<const ChipPrice> prices,
                            absl::string_view chip) {
  const ChipPrice* best = nullptr;
  for (const ChipPrice& price : prices) {
    if (!IsPriceOf(price, chip)) continue;
    if (!best || price.usd_per_chip_hour < best->usd_per_chip_hour) best = &price;
  }
  return best;
}

}  // namespace tatami
