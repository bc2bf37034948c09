#include "core/box_union.h"

#include <set>

#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

TEST(BoxUnion, CountsEachElementOnce) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    BoxUnion boxes;
    std::set<std::array<int64_t, 3>> want;
    for (int i = 0; i < 6; ++i) {
      Box box(3);
      for (Interval& side : box) {
        side.begin = draw(0, 5);
        side.end = side.begin + draw(0, 4);
      }
      const size_t before = want.size();
      for (int64_t x = box[0].begin; x < box[0].end; ++x) {
        for (int64_t y = box[1].begin; y < box[1].end; ++y) {
          for (int64_t z = box[2].begin; z < box[2].end; ++z) want.insert({x, y, z});
        }
      }
      ASSERT_EQ(boxes.Add(box), static_cast<int64_t>(want.size() - before))
          << "seed " << seed << ", box " << i << " " << ToString(box);
    }
  }
}

TEST(BoxUnion, AScalarIsOneElement) {
  BoxUnion boxes;
  EXPECT_EQ(boxes.Add({}), 1);
  EXPECT_EQ(boxes.Add({}), 0);
}

}  // namespace
}  // namespace tatami
