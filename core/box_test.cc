#include "core/box.h"

#include <cstring>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace tatami {
namespace {

// Visits every point of `box`, slowly and without the code under test.
template <typename Visit>
void EachPoint(const Box& box, Visit visit) {
  for (const Interval& i : box) {
    if (i.empty()) return;
  }
  std::vector<int64_t> p(box.size());
  for (size_t d = 0; d < p.size(); ++d) p[d] = box[d].begin;
  while (true) {
    visit(p);
    size_t d = p.size();
    while (d > 0 && ++p[d - 1] == box[d - 1].end) --d, p[d] = box[d].begin;
    if (d == 0) return;
  }
}

int64_t Offset(const Box& box, const std::vector<int64_t>& p) {
  int64_t offset = 0;
  for (size_t d = 0; d < box.size(); ++d) {
    offset = offset * box[d].size() + p[d] - box[d].begin;
  }
  return offset;
}

TEST(Interval, AnEmptyIntervalHasSizeZeroAndIsInEveryInterval) {
  EXPECT_EQ((Interval{5, 3}).size(), 0);
  EXPECT_TRUE((Interval{5, 5}).empty());
  EXPECT_TRUE((Interval{0, 1}).Contains({9, 9}));
  EXPECT_FALSE((Interval{0, 1}).Contains({0, 2}));
  EXPECT_FALSE((Interval{1, 2}).Contains({0, 2}));
}

TEST(FloorSplit, PartsTileTheSizeAndDifferByAtMostOne) {
  for (int64_t size = 0; size <= 20; ++size) {
    for (int64_t parts = 1; parts <= 25; ++parts) {
      int64_t next = 0;
      for (int64_t i = 0; i < parts; ++i) {
        const Interval part = FloorSplit(size, parts, i);
        EXPECT_EQ(part.begin, next);
        EXPECT_GE(part.size(), size / parts);
        EXPECT_LE(part.size(), (size + parts - 1) / parts);
        next = part.end;
      }
      EXPECT_EQ(next, size);
    }
  }
}

TEST(FloorSplit, OwnerIsThePartThatHoldsTheCoordinate) {
  for (int64_t size = 1; size <= 20; ++size) {
    for (int64_t parts = 1; parts <= 25; ++parts) {
      for (int64_t x = 0; x < size; ++x) {
        const Interval owned = FloorSplit(size, parts, FloorSplitOwner(size, parts, x));
        EXPECT_TRUE(owned.begin <= x && x < owned.end)
            << x << " of " << size << " in " << parts;
      }
    }
  }
}

TEST(Box, TheScalarBoxHasOneElementAndIsNotEmpty) {
  const Box scalar = WholeBox({});
  EXPECT_EQ(NumElements(scalar), 1);
  EXPECT_FALSE(IsEmpty(scalar));
  EXPECT_EQ(ToString(scalar), "scalar");
}

TEST(Box, IntersectKeepsExactlyTheCommonPoints) {
  const Box a{{0, 4}, {2, 7}}, b{{3, 9}, {0, 5}};
  const Box both = Intersect(a, b);
  int64_t common = 0;
  EachPoint(a, [&](const std::vector<int64_t>& p) {
    bool in_b = true, in_both = true;
    for (size_t d = 0; d < p.size(); ++d) {
      in_b &= b[d].begin <= p[d] && p[d] < b[d].end;
      in_both &= both[d].begin <= p[d] && p[d] < both[d].end;
    }
    EXPECT_EQ(in_b, in_both);
    common += in_b;
  });
  EXPECT_EQ(NumElements(both), common);
  EXPECT_EQ(ToString(both), "[3,4)x[2,5)");
  EXPECT_TRUE(Contains(a, both));
  EXPECT_FALSE(Contains(both, a));
}

TEST(Box, DisjointBoxesIntersectInAnEmptyBox) {
  const Box none = Intersect(Box{{0, 2}, {0, 2}}, Box{{0, 2}, {5, 6}});
  EXPECT_TRUE(IsEmpty(none));
  EXPECT_EQ(NumElements(none), 0);
  EXPECT_TRUE(Contains(Box{{7, 8}, {7, 8}}, none));
}

// The shapes differ in which trailing dims form one run of memory.
struct CopyCase {
  Box part, from, to;
};
const CopyCase kCopyCases[] = {
    {{}, {}, {}},
    {{{1, 4}}, {{0, 6}}, {{1, 4}}},
    {{{1, 3}, {2, 4}}, {{0, 4}, {1, 5}}, {{1, 3}, {2, 9}}},
    {{{1, 3}, {0, 5}}, {{0, 4}, {0, 5}}, {{1, 3}, {0, 5}}},
    {{{0, 2}, {1, 3}, {0, 4}}, {{0, 2}, {1, 3}, {0, 4}}, {{0, 3}, {0, 3}, {0, 4}}},
    {{{0, 2}, {1, 2}, {1, 4}}, {{0, 2}, {0, 2}, {1, 4}}, {{0, 2}, {1, 2}, {0, 6}}},
    {{{0, 2}, {3, 3}}, {{0, 2}, {0, 4}}, {{0, 2}, {0, 4}}},
};

template <typename T>
void ExpectCopyMovesExactlyThePart(const CopyCase& c) {
  std::vector<T> from(NumElements(c.from)), to(NumElements(c.to), T{99});
  std::iota(from.begin(), from.end(), T{100});
  std::vector<T> want = to;
  EachPoint(c.part, [&](const std::vector<int64_t>& p) {
    want[Offset(c.to, p)] = from[Offset(c.from, p)];
  });
  CopyBox(c.part, c.from, reinterpret_cast<const std::byte*>(from.data()), c.to,
          reinterpret_cast<std::byte*>(to.data()), sizeof(T));
  EXPECT_EQ(to, want) << ToString(c.part) << " of " << ToString(c.from);
}

TEST(CopyBox, MovesExactlyThePart) {
  for (const CopyCase& c : kCopyCases) {
    ExpectCopyMovesExactlyThePart<int32_t>(c);
    ExpectCopyMovesExactlyThePart<int16_t>(c);
  }
}

// Values are small whole numbers, so all three types hold every sum exactly.
std::vector<std::byte> Stored(DType dtype, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * ByteSize(dtype));
  StoreFromFloat(dtype, values.data(), values.size(), bytes.data());
  return bytes;
}

TEST(CombineBox, CombinesThePartAndLeavesTheRest) {
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kI32}) {
    for (Combine combine : {Combine::kSum, Combine::kMax}) {
      for (const CopyCase& c : kCopyCases) {
        std::vector<float> from(NumElements(c.from)), to(NumElements(c.to));
        for (size_t i = 0; i < from.size(); ++i) from[i] = 7 * i % 11 - 5.0f;
        for (size_t i = 0; i < to.size(); ++i) to[i] = 5 * i % 13 - 6.0f;
        const auto from_bytes = Stored(dtype, from);
        auto to_bytes = Stored(dtype, to);
        std::vector<float> want = to, got(to.size());
        EachPoint(c.part, [&](const std::vector<int64_t>& p) {
          float& w = want[Offset(c.to, p)];
          const float f = from[Offset(c.from, p)];
          w = combine == Combine::kSum ? w + f : (w < f ? f : w);
        });
        CombineBox(combine, dtype, c.part, c.from, from_bytes.data(), c.to,
                   to_bytes.data());
        LoadAsFloat(dtype, to_bytes.data(), got.size(), got.data());
        EXPECT_EQ(got, want) << Name(dtype) << " " << ToString(c.part);
      }
    }
  }
}

TEST(CombineBox, Bf16SumIsRoundedOnce) {
  // 256 + 1 lies half way between 256 and 258; ties go to the even mantissa, 256.
  for (const auto& [a, b, want] :
       {std::tuple{256.0f, 1.0f, 256.0f}, {256.0f, 3.0f, 260.0f}}) {
    auto to = Stored(DType::kBF16, {a});
    const auto from = Stored(DType::kBF16, {b});
    CombineBox(Combine::kSum, DType::kBF16, {}, {}, from.data(), {}, to.data());
    float got = 0;
    LoadAsFloat(DType::kBF16, to.data(), 1, &got);
    EXPECT_EQ(got, want);
  }
}

}  // namespace
}  // namespace tatami
