// Free rectangles beside a search that tries every one and counts node by node.
#include "tools/jobs/schedule/free_map.h"

#include <algorithm>

#include "core/test_draw.h"
#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_naive_map.h"

namespace tatami::jobs {
namespace {

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
