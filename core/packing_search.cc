#include "core/packing_search.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace tatami {
namespace {

// A block in terms of sections: the stretches of ticks in which the same blocks live.
struct Block {
  int64_t size;
  int begin, end;  // sections [begin, end)
};

// What does not change between attempts.
struct Instance {
  std::vector<Block> blocks;             // in order of `begin`
  std::vector<std::vector<int>> living;  // by section
  std::vector<std::vector<int>> meets;   // by block: those that live with it
  std::vector<int64_t> sum;              // by section
  int64_t height = 0;
};

// One attempt: blocks of equal offset are tried in the order of their rank.
class Search {
 public:
  Search(const Instance& instance, const std::vector<int>& rank, int64_t node_limit)
      : in_(instance),
        rank_(rank),
        nodes_left_(node_limit),
        floor_(in_.blocks.size(), 0),
        placed_(in_.blocks.size(), false),
        remaining_(in_.sum),
        lowest_(in_.sum.size(), 0) {}

  PackingAnswer Run() {
    std::vector<int> all(in_.blocks.size());
    std::iota(all.begin(), all.end(), 0);
    if (SolveParts(all, {.offset = 0, .rank = -1})) return PackingAnswer::kFits;
    return nodes_left_ < 0 ? PackingAnswer::kGaveUp : PackingAnswer::kDoesNotFit;
  }
  const std::vector<int64_t>& offsets() const { return floor_; }

 private:
  // The last block placed: the next lies higher, or as high with a larger rank.
  struct Last {
    int64_t offset;
    int rank;
  };
  struct Change {
    int64_t* value;
    int64_t before;
  };

  void Set(int64_t& value, int64_t to) {
    undo_.push_back({&value, value});
    value = to;
  }

  // Solves each part of `left` (unplaced blocks, by begin) that no unplaced block ties
  // to another.
  bool SolveParts(const std::vector<int>& left, Last last) {
    size_t begin = 0;
    int end = 0;
    for (size_t i = 0; i < left.size(); ++i) {
      const Block& b = in_.blocks[left[i]];
      if (i > begin && b.begin >= end) {
        if (!Solve({left.begin() + begin, left.begin() + i}, end, last)) return false;
        begin = i;
      }
      end = std::max(end, b.end);
    }
    return left.empty() || Solve({left.begin() + begin, left.end()}, end, last);
  }

  // `left` ends before section `end`.
  bool Solve(const std::vector<int>& left, int end, Last last) {
    std::vector<int> order;
    // A block above the whole of another that is still to come would let that one fall.
    int64_t lowest_top = in_.height + 1;
    for (const int i : left) {
      const int64_t offset = floor_[i];
      lowest_top = std::min(lowest_top, offset + in_.blocks[i].size);
      if (offset > last.offset || (offset == last.offset && rank_[i] > last.rank)) {
        order.push_back(i);
      }
    }
    // Nor may one lie so high that a section has no room left above it.
    int64_t highest = lowest_top - 1;
    for (int s = in_.blocks[left[0]].begin; s < end; ++s) {
      if (remaining_[s] > 0) highest = std::min(highest, in_.height - remaining_[s]);
    }
    order.erase(std::remove_if(order.begin(), order.end(),
                               [&](int i) { return floor_[i] > highest; }),
                order.end());
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return floor_[a] != floor_[b] ? floor_[a] < floor_[b] : rank_[a] < rank_[b];
    });
    std::vector<int> rest;
    for (const int i : order) {
      if (--nodes_left_ < 0) return false;
      const size_t mark = undo_.size();
      placed_[i] = true;
      if (Place(i)) {
        rest.clear();
        for (const int j : left) {
          if (j != i) rest.push_back(j);
        }
        if (SolveParts(rest, {floor_[i], rank_[i]})) return true;
      }
      placed_[i] = false;
      for (; undo_.size() > mark; undo_.pop_back()) {
        *undo_.back().value = undo_.back().before;
      }
      if (nodes_left_ < 0) return false;
    }
    return false;
  }

  // Lifts what lives with block i above it; false when what is left cannot fit.
  bool Place(int i) {
    const Block& b = in_.blocks[i];
    const int64_t top = floor_[i] + b.size;
    for (int s = b.begin; s < b.end; ++s) {
      Set(remaining_[s], remaining_[s] - b.size);
      if (remaining_[s] > 0 && top + remaining_[s] > in_.height) return false;
    }
    int begin = b.begin, end = b.end;
    for (const int j : in_.meets[i]) {
      if (placed_[j] || floor_[j] >= top) continue;
      if (top + in_.blocks[j].size > in_.height) return false;
      Set(floor_[j], top);
      begin = std::min(begin, in_.blocks[j].begin);
      end = std::max(end, in_.blocks[j].end);
    }
    for (int s = begin; s < end; ++s) {
      // Only a section whose lowest block was lifted can have changed.
      if (remaining_[s] == 0 || lowest_[s] >= top) continue;
      int64_t lowest = in_.height;
      for (const int j : in_.living[s]) {
        if (!placed_[j]) lowest = std::min(lowest, floor_[j]);
      }
      if (lowest == lowest_[s]) continue;
      Set(lowest_[s], lowest);
      if (lowest + remaining_[s] > in_.height) return false;
    }
    return true;
  }

  const Instance& in_;
  const std::vector<int>& rank_;  // by block
  int64_t nodes_left_;
  std::vector<int64_t> floor_;  // by block: the lowest free offset; its own once placed
  std::vector<char> placed_;
  std::vector<int64_t> remaining_;  // by section: size of the unplaced
  std::vector<int64_t> lowest_;     // by section: floor of the lowest unplaced
  std::vector<Change> undo_;
};

// The first ticks of the sections: only where a block is born after one died can a sum
// be largest.
std::vector<int> SectionStarts(const std::vector<PackingBlock>& blocks) {
  std::vector<std::pair<int, int>> events;  // tick; 1 a birth, -1 just behind a death
  for (const PackingBlock& b : blocks) {
    events.emplace_back(b.first, 1);
    events.emplace_back(b.last + 1, -1);
  }
  std::sort(events.begin(), events.end());
  std::vector<int> starts;
  bool died = true;
  for (const auto& [tick, kind] : events) {
    if (kind < 0) {
      died = true;
    } else if (died) {
      starts.push_back(tick);
      died = false;
    } else {
      starts.back() = tick;  // grows on
    }
  }
  return starts;
}

// `blocks` in order of their first tick.
Instance MakeInstance(const std::vector<PackingBlock>& blocks, int64_t height) {
  const std::vector<int> starts = SectionStarts(blocks);
  const auto section_of = [&](int tick) {  // the first that starts at or behind tick
    return static_cast<int>(std::lower_bound(starts.begin(), starts.end(), tick) -
                            starts.begin());
  };
  Instance in;
  in.living.resize(starts.size());
  in.sum.resize(starts.size(), 0);
  in.meets.resize(blocks.size());
  in.height = height;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Block block = {blocks[i].size, section_of(blocks[i].first),
                         section_of(blocks[i].last + 1)};
    for (int s = block.begin; s < block.end; ++s) {
      in.living[s].push_back(static_cast<int>(i));
      in.sum[s] += block.size;
    }
    for (size_t j = 0; j < i; ++j) {
      if (in.blocks[j].end <= block.begin || block.end <= in.blocks[j].begin) continue;
      in.meets[i].push_back(static_cast<int>(j));
      in.meets[j].push_back(static_cast<int>(i));
    }
    in.blocks.push_back(block);
  }
  return in;
}

// Ranks by three measures of how hard a block is to place, in several orders: the sum
// of the fullest section it is in, its area, its length.
std::vector<std::vector<int>> Ranks(const Instance& in,
                                    const std::vector<PackingBlock>& blocks) {
  const size_t n = blocks.size();
  std::vector<std::array<int64_t, 3>> hard(n);
  for (size_t i = 0; i < n; ++i) {
    const Block& b = in.blocks[i];
    const int64_t length = blocks[i].last - blocks[i].first + 1;
    hard[i] = {*std::max_element(in.sum.begin() + b.begin, in.sum.begin() + b.end),
               b.size * length, length};
  }
  std::vector<std::vector<int>> ranks;
  for (const auto& keys :
       {std::array{0, 2, 1}, std::array{1, 0, 2}, std::array{2, 1, 0}}) {
    std::vector<int> order(n), rank(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      for (const int k : keys) {
        if (hard[a][k] != hard[b][k]) return hard[a][k] > hard[b][k];
      }
      return blocks[a].size > blocks[b].size;
    });
    for (size_t r = 0; r < n; ++r) rank[order[r]] = static_cast<int>(r);
    ranks.push_back(std::move(rank));
  }
  return ranks;
}

}  // namespace

PackingAnswer FitBlocks(const std::vector<PackingBlock>& blocks, int64_t height,
                        int64_t node_limit, std::vector<int64_t>& offsets) {
  std::vector<int> order(blocks.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return blocks[a].first < blocks[b].first; });
  std::vector<PackingBlock> sorted;
  for (const int i : order) sorted.push_back(blocks[i]);
  const Instance instance = MakeInstance(sorted, height);
  for (const int64_t sum : instance.sum) {
    if (sum > height) return PackingAnswer::kDoesNotFit;
  }
  const std::vector<std::vector<int>> ranks = Ranks(instance, sorted);
  // Each order gets a few placements, then all get more: which one is lucky differs
  // from instance to instance.
  int64_t spent = 0;
  for (int64_t share = std::min<int64_t>(1000, node_limit); spent < node_limit;
       share *= 4) {
    for (const std::vector<int>& rank : ranks) {
      Search search(instance, rank, share);
      const PackingAnswer answer = search.Run();
      spent += share;
      if (answer == PackingAnswer::kFits) {
        offsets.assign(blocks.size(), 0);
        for (size_t i = 0; i < order.size(); ++i) {
          offsets[order[i]] = search.offsets()[i];
        }
      }
      if (answer != PackingAnswer::kGaveUp) return answer;
    }
  }
  return PackingAnswer::kGaveUp;
}

}  // namespace tatami
