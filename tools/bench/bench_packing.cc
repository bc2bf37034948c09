#include "tools/bench/bench_packing.h"

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/packing.h"
#include "core/packing_search.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr int64_t kNodeLimit = 20'000'000;  // some ten seconds

absl::StatusOr<int64_t> CapacityOf(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  int64_t capacity = 0;
  if (parts.size() < 3 || parts.back() != "csv" ||
      !absl::SimpleAtoi(parts[parts.size() - 2], &capacity) || capacity < 1) {
    return MakeError(ErrorCode::kDataUnreadable,
                     absl::StrCat("'", path,
                                  "' does not end in .BYTES.csv, as A.1048576.csv: the "
                                  "number is the height to pack below."));
  }
  return capacity;
}

absl::StatusOr<std::vector<PackingBlock>> ReadBlocks(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no packing instance '", path, "'"));
  }
  std::vector<PackingBlock> blocks;
  std::string line;
  std::getline(in, line);  // names of the columns
  for (int64_t number = 2; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    PackingBlock b;
    int upper = 0;
    if (cells.size() != 4 || !absl::SimpleAtoi(cells[1], &b.first) ||
        !absl::SimpleAtoi(cells[2], &upper) || !absl::SimpleAtoi(cells[3], &b.size) ||
        upper <= b.first || b.size < 1) {
      return MakeError(ErrorCode::kDataUnreadable,
                       absl::StrCat("'", path, "' line ", number, ": '", line,
                                    "' is not id,lower,upper,size with lower below "
                                    "upper and a size above 0."));
    }
    b.last = upper - 1;
    blocks.push_back(b);
  }
  return blocks;
}

}  // namespace

absl::StatusOr<PackingBenchResult> BenchPacking(const std::string& path) {
  TATAMI_ASSIGN_OR_RETURN(const int64_t capacity, CapacityOf(path));
  TATAMI_ASSIGN_OR_RETURN(const std::vector<PackingBlock> blocks, ReadBlocks(path));
  std::vector<PackedItem> items;
  for (const PackingBlock& b : blocks) {
    items.push_back({.bytes = b.size, .first = b.first, .last = b.last});
  }
  PackingBenchResult result{.name = path,
                            .buffers = static_cast<int64_t>(blocks.size()),
                            .capacity = capacity,
                            .lower_bound = PackingLowerBound(items),
                            .greedy_bytes = PackOffsets(0, 1, items)};
  const absl::Time start = absl::Now();
  std::vector<int64_t> offsets;
  switch (FitBlocks(blocks, capacity, kNodeLimit, offsets)) {
    case PackingAnswer::kFits:
      result.answer = "fits";
      break;
    case PackingAnswer::kDoesNotFit:
      result.answer = "does not fit";
      break;
    case PackingAnswer::kGaveUp:
      result.answer = "gave up";
      break;
  }
  result.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return result;
}

}  // namespace tatami
