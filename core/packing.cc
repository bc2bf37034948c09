#include "core/packing.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "core/packing_search.h"

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

int64_t PackBelow(int64_t limit, int64_t node_limit, int64_t base, int64_t alignment,
                  std::vector<PackedItem>& items) {
  int first = std::numeric_limits<int>::max(), last = std::numeric_limits<int>::min();
  for (const PackedItem& item : items) {
    first = std::min(first, item.first);
    last = std::max(last, item.last);
  }
  std::vector<PackedItem> moving;
  std::vector<size_t> index;  // of a moving item in `items`
  for (size_t i = 0; i < items.size(); ++i) {
    PackedItem& item = items[i];
    if (item.first == first && item.last == last) {
      item.offset = base;
      base = AlignUp(base + item.bytes, alignment);
    } else if (item.bytes > 0) {
      moving.push_back(item);
      index.push_back(i);
    }
  }
  int64_t end = std::max(base, PackOffsets(base, alignment, moving));
  if (end > limit) {
    std::vector<PackingBlock> blocks;
    for (const PackedItem& item : moving) {
      blocks.push_back(
          {AlignUp(item.bytes, alignment) / alignment, item.first, item.last});
    }
    std::vector<int64_t> offsets;
    if (FitBlocks(blocks, (limit - base) / alignment, node_limit, offsets) ==
        PackingAnswer::kFits) {
      end = base;
      for (size_t i = 0; i < moving.size(); ++i) {
        moving[i].offset = base + offsets[i] * alignment;
        end = std::max(end, moving[i].offset + moving[i].bytes);
      }
    }
  }
  for (size_t i = 0; i < moving.size(); ++i) items[index[i]].offset = moving[i].offset;
  return end;
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
