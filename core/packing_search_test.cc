#include "core/packing_search.h"

#include <algorithm>

#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

std::vector<PackingBlock> DrawBlocks(Draw& draw, int64_t count_max, int64_t size_max,
                                     int ticks) {
  std::vector<PackingBlock> blocks(draw(1, count_max));
  for (PackingBlock& b : blocks) {
    b.size = draw(1, size_max);
    b.first = static_cast<int>(draw(0, ticks - 1));
    b.last = static_cast<int>(draw(b.first, ticks - 1));
  }
  return blocks;
}

bool Meet(const PackingBlock& a, const PackingBlock& b) {
  return a.first <= b.last && b.first <= a.last;
}

// "" or what is wrong with the offsets.
std::string FindFault(const std::vector<PackingBlock>& blocks, int64_t height,
                      const std::vector<int64_t>& offsets) {
  if (offsets.size() != blocks.size()) return "offsets are missing";
  for (size_t a = 0; a < blocks.size(); ++a) {
    if (offsets[a] < 0 || offsets[a] + blocks[a].size > height) return "outside";
    for (size_t b = 0; b < a; ++b) {
      if (Meet(blocks[a], blocks[b]) && offsets[a] < offsets[b] + blocks[b].size &&
          offsets[b] < offsets[a] + blocks[a].size) {
        return "two blocks overlap";
      }
    }
  }
  return "";
}

// Whether the blocks from `next` on fit, over all offsets.
bool Feasible(const std::vector<PackingBlock>& blocks, size_t next, int64_t height,
              std::vector<int64_t>& offsets) {
  if (next == blocks.size()) return true;
  for (offsets[next] = 0; offsets[next] + blocks[next].size <= height;
       ++offsets[next]) {
    bool meets = false;
    for (size_t j = 0; j < next && !meets; ++j) {
      meets = Meet(blocks[next], blocks[j]) &&
              offsets[next] < offsets[j] + blocks[j].size &&
              offsets[j] < offsets[next] + blocks[next].size;
    }
    if (!meets && Feasible(blocks, next + 1, height, offsets)) return true;
  }
  return false;
}

int64_t LargestSum(const std::vector<PackingBlock>& blocks) {
  int64_t largest = 0;
  for (const PackingBlock& at : blocks) {
    int64_t sum = 0;
    for (const PackingBlock& b : blocks) {
      sum += b.first <= at.first && at.first <= b.last ? b.size : 0;
    }
    largest = std::max(largest, sum);
  }
  return largest;
}

// Compares with brute force at every height up to the optimum, which it returns.
int64_t CheckOptimum(const std::vector<PackingBlock>& blocks) {
  std::vector<int64_t> offsets(blocks.size());
  int64_t height = LargestSum(blocks);
  if (height > 1) {
    EXPECT_EQ(FitBlocks(blocks, height - 1, 1 << 20, offsets),
              PackingAnswer::kDoesNotFit);
  }
  for (;; ++height) {
    offsets.assign(blocks.size(), 0);
    const bool fits = Feasible(blocks, 0, height, offsets);
    std::vector<int64_t> found;
    EXPECT_EQ(FitBlocks(blocks, height, 1 << 20, found),
              fits ? PackingAnswer::kFits : PackingAnswer::kDoesNotFit)
        << "height " << height;
    if (!fits) continue;
    EXPECT_EQ(FindFault(blocks, height, found), "");
    return height;
  }
}

TEST(FitBlocks, AgreesWithBruteForceOnTenThousandInstances) {
  constexpr int kTicks = 8;
  Draw draw{std::mt19937_64(1)};
  for (int i = 0; i < 10000 && !HasFailure(); ++i) {
    std::vector<PackingBlock> blocks(draw(1, 8));
    for (PackingBlock& b : blocks) {
      b.size = draw(1, 4);
      b.first = static_cast<int>(draw(0, kTicks - 2));
      b.last = static_cast<int>(std::min<int64_t>(b.first + draw(0, 4), kTicks - 1));
    }
    CheckOptimum(blocks);
    ASSERT_FALSE(HasFailure()) << "instance " << i;
  }
}

// Rare: the sums of no tick exceed the height, and yet nothing fits.
TEST(FitBlocks, ProvesThatAGapMustStay) {
  for (const std::vector<PackingBlock>& blocks : {std::vector<PackingBlock>{{3, 0, 2},
                                                                            {1, 1, 5},
                                                                            {2, 3, 5},
                                                                            {3, 0, 0},
                                                                            {3, 5, 7},
                                                                            {3, 6, 7},
                                                                            {2, 1, 4}},
                                                  std::vector<PackingBlock>{{3, 6, 7},
                                                                            {3, 0, 1},
                                                                            {3, 0, 4},
                                                                            {3, 7, 7},
                                                                            {1, 5, 6},
                                                                            {2, 3, 5},
                                                                            {1, 3, 6}},
                                                  std::vector<PackingBlock>{
                                                      {2, 1, 5},
                                                      {1, 2, 5},
                                                      {2, 0, 1},
                                                      {3, 7, 7},
                                                      {3, 5, 7},
                                                      {2, 1, 3},
                                                      {3, 0, 0}}}) {
    EXPECT_GT(CheckOptimum(blocks), LargestSum(blocks));
  }
}

TEST(FitBlocks, PacksWithoutOverlapWhereItFits) {
  Draw draw{std::mt19937_64(2)};
  for (int i = 0; i < 300; ++i) {
    const std::vector<PackingBlock> blocks = DrawBlocks(draw, 60, 50, 40);
    int64_t height = 0;
    for (const PackingBlock& b : blocks) height += b.size;
    std::vector<int64_t> offsets;
    for (; FitBlocks(blocks, height, 2000, offsets) == PackingAnswer::kFits;
         height = height * 9 / 10) {
      ASSERT_EQ(FindFault(blocks, height, offsets), "") << i;
    }
  }
}

TEST(FitBlocks, GivesUpAtTheLimitAndSaysSo) {
  Draw draw{std::mt19937_64(3)};
  std::vector<PackingBlock> blocks;
  for (int i = 0; i < 60; ++i) {
    const int first = static_cast<int>(draw(0, 50));
    blocks.push_back({draw(5, 9), first, first + static_cast<int>(draw(5, 20))});
  }
  std::vector<int64_t> offsets;
  EXPECT_EQ(FitBlocks(blocks, LargestSum(blocks), 3, offsets), PackingAnswer::kGaveUp);
  EXPECT_TRUE(offsets.empty());
}

TEST(FitBlocks, IsDeterministic) {
  Draw draw{std::mt19937_64(4)};
  for (int i = 0; i < 50; ++i) {
    const std::vector<PackingBlock> blocks = DrawBlocks(draw, 40, 9, 20);
    std::vector<int64_t> a, b;
    ASSERT_EQ(FitBlocks(blocks, 120, 5000, a), FitBlocks(blocks, 120, 5000, b));
    ASSERT_EQ(a, b);
  }
}

}  // namespace
}  // namespace tatami
