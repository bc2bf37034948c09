// Free rectangles beside a search that tries every one and counts node by node.
#include "tools/jobs/schedule/free_map.h"

#include <algorithm>

#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami::jobs {
namespace {

// The same questions, answered from a table of nodes alone.
struct NaiveMap {
  Mesh grid;
  std::vector<Rectangle> taken;

  bool IsTaken(int64_t row, int64_t col) const {
    if (row < 0 || col < 0 || row >= grid.rows || col >= grid.cols) return true;
    for (const Rectangle& r : taken) {
      if (r.Contains({row, col})) return true;
    }
    return false;
  }
  int64_t Taken(const Rectangle& r) const {
    int64_t count = 0;
    for (int64_t y = r.row; y < r.row + r.rows; ++y) {
      for (int64_t x = r.col; x < r.col + r.cols; ++x) count += IsTaken(y, x) ? 1 : 0;
    }
    return count;
  }
  int64_t Contact(const Rectangle& r) const {
    return Taken({r.row - 1, r.col, 1, r.cols}) +
           Taken({r.row + r.rows, r.col, 1, r.cols}) +
           Taken({r.row, r.col - 1, r.rows, 1}) +
           Taken({r.row, r.col + r.cols, r.rows, 1});
  }
  // All free rectangles of the shape and its rotation.
  std::vector<Rectangle> Free(const Mesh& shape) const {
    std::vector<Rectangle> all;
    for (const Mesh& s : {shape, Mesh{shape.cols, shape.rows}}) {
      for (int64_t row = 0; row < grid.rows; ++row) {
        for (int64_t col = 0; col < grid.cols; ++col) {
          const Rectangle r = {row, col, s.rows, s.cols};
          if (Taken(r) == 0) all.push_back(r);
        }
      }
    }
    return all;
  }
};

void ExpectSameAnswers(const FreeMap& map, const NaiveMap& naive) {
  EXPECT_EQ(map.free_nodes(),
            map.grid().nodes() - naive.Taken({0, 0, map.grid().rows, map.grid().cols}));
  int64_t largest = 0;
  for (int64_t rows = 1; rows <= map.grid().rows + 1; ++rows) {
    for (int64_t cols = 1; cols <= map.grid().cols + 1; ++cols) {
      const Mesh shape = {rows, cols};
      const std::vector<Rectangle> free = naive.Free(shape);
      ASSERT_EQ(map.Fits(shape), !free.empty()) << shape.ToString();
      const auto first = map.Place(shape, Placement::kFirstFit);
      const auto most = map.Place(shape, Placement::kMostContact);
      ASSERT_EQ(first.has_value(), !free.empty());
      ASSERT_EQ(most.has_value(), !free.empty());
      if (free.empty()) continue;
      largest = std::max(largest, shape.nodes());
      EXPECT_EQ(*first, free.front());
      int64_t best = 0;
      for (const Rectangle& r : free) best = std::max(best, naive.Contact(r));
      const auto want = std::find_if(free.begin(), free.end(), [&](const Rectangle& r) {
        return naive.Contact(r) == best;
      });
      EXPECT_EQ(*most, *want) << shape.ToString();
      EXPECT_EQ(map.Contact(*most), best);
    }
  }
  EXPECT_EQ(map.Largest(map.grid().nodes()).nodes(), largest);
}

TEST(FreeMap, AnswersAsATableOfNodesDoes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Draw draw = {.bits = std::mt19937_64(seed)};
    NaiveMap naive = {.grid = {draw(1, 7), draw(1, 7)}};
    FreeMap map(naive.grid);
    for (int64_t change = draw(0, 8); change > 0; --change) {
      if (!naive.taken.empty() && draw(0, 2) == 0) {
        map.Release({naive.taken.back()});
        naive.taken.pop_back();
      } else {
        // Some leave the grid, some overlap.
        naive.taken.push_back({draw(-1, 6), draw(-1, 6), draw(1, 4), draw(1, 4)});
        map.Occupy({naive.taken.back()});
      }
      ExpectSameAnswers(map, naive);
      if (HasFailure()) FAIL() << "seed " << seed;
    }
  }
}

TEST(FreeMap, TheLargestRectangleUpToALimitIsTheSquarest) {
  FreeMap map({4, 8});
  EXPECT_EQ(map.Largest(16), (Mesh{4, 4}));
  EXPECT_EQ(map.Largest(7), (Mesh{1, 7}));
  map.Occupy({{0, 0, 4, 8}});
  EXPECT_EQ(map.Largest(7), (Mesh{0, 0}));
}

}  // namespace
}  // namespace tatami::jobs
