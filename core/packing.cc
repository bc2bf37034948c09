#include "core/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace tatami {
namespace {

int64_t AlignUp(int64_t x, int64_t alignment) {
  return (x + alignment - 1) / alignment * alignment;
}

// Places items in the given order, each at the lowest offset where it meets no
// neighbour.
int64_t PlaceInOrder(int64_t base, int64_t alignment, const std::vector<int>& order,
                     std::vector<PackedItem>& items) {
  int64_t end = base;
  std::vector<int> placed;  // by offset
  for (int i : order) {
    PackedItem& item = items[i];
    int64_t offset = base;
    for (int j : placed) {
      const PackedItem& other = items[j];
      if (other.last < item.first || item.last < other.first) continue;
      if (offset + item.bytes <= other.offset) break;
      offset = std::max(offset, AlignUp(other.offset + other.bytes, alignment));
    }
    item.offset = offset;
    end = std::max(end, offset + item.bytes);
    const auto at = std::upper_bound(
        placed.begin(), placed.end(), i,
        [&](int a, int b) { return items[a].offset < items[b].offset; });
    placed.insert(at, i);
  }
  return end;
}

}  // namespace

int64_t PackOffsets(int64_t base, int64_t alignment, std::vector<PackedItem>& items) {
  std::vector<int> order;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].bytes > 0) order.push_back(static_cast<int>(i));
  }
  const auto length = [&](int i) { return items[i].last - items[i].first; };
  const auto by_size = [&](int a, int b) { return items[a].bytes > items[b].bytes; };
  const auto by_length = [&](int a, int b) {
    return length(a) != length(b) ? length(a) > length(b) : by_size(a, b);
  };
  const auto by_area = [&](int a, int b) {
    return items[a].bytes * (length(a) + 1) > items[b].bytes * (length(b) + 1);
  };
  int64_t best = -1;
  std::vector<PackedItem> best_items;
  const auto attempt = [&](auto less) {
    std::vector<int> sorted = order;
    std::stable_sort(sorted.begin(), sorted.end(), less);
    const int64_t end = PlaceInOrder(base, alignment, sorted, items);
    if (best < 0 || end < best) best = end, best_items = items;
  };
  attempt(by_size);
  attempt(by_length);
  attempt(by_area);
  items = std::move(best_items);
  return best;
}

int64_t PackingLowerBound(const std::vector<PackedItem>& items) {
  std::map<int, int64_t> change;
  for (const PackedItem& item : items) {
    change[item.first] += item.bytes;
    change[item.last + 1] -= item.bytes;
  }
  int64_t alive = 0, most = 0;
  for (const auto& [tick, delta] : change) most = std::max(most, alive += delta);
  return most;
}

}  // namespace tatami
