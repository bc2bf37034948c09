#include "runtime/simulator/port_loads.h"

#include "core/line_sum.h"
#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

const Mesh kMesh{6, 4};
const AxisRef kDigits[] = {{MeshAxis::kY, 1, 2},
                           {MeshAxis::kY, 2, 3},
                           {MeshAxis::kX, 1, 2},
                           {MeshAxis::kX, 2, 2}};

PortLoads LoadsOf(const Exchange& exchange) {
  PortLoads loads(MeshBlock::Whole(kMesh));
  AddPortLoads(exchange, kMesh, loads);
  return loads;
}

// Each node hears what its neighbour has of it, by the definition of a sum on a line.
PortLoads ByDefinition(const Exchange& e) {
  PortLoads want(MeshBlock::Whole(kMesh));
  for (int64_t n = 0; n < kMesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, kMesh);
    const LineSum sum = LineSumAt(e.to, e.resolve, node, kMesh);
    const int64_t size = NumElements(e.to.BoxAt(node, kMesh));
    if (!(sum.terms[sum.root] == node)) {
      want.bytes_in[n] += size * e.element_bytes;
      continue;
    }
    const auto hears = [&](int64_t t) {
      const int64_t at = NodeIndex(sum.terms[t], kMesh);
      want.bytes_in[at] += size * e.element_bytes;
      want.added[at] += size;
    };
    const auto last = static_cast<int64_t>(sum.terms.size()) - 1;
    for (int64_t t = 1; t <= sum.root; ++t) hears(t);
    for (int64_t t = last - 1; t >= sum.root; --t) hears(t);
    want.chain = std::max({want.chain, sum.root, last - sum.root});
  }
  return want;
}

TEST(PortLoads, SumsAlongLinesEqualTheirDefinition) {
  int sums = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    Exchange e{.from = ReplicatedPlacement({draw(1, 9), draw(1, 9)}),
               .element_bytes = 4};
    const MeshAxis axis = draw(0, 1) == 0 ? MeshAxis::kY : MeshAxis::kX;
    for (const AxisRef& digit : kDigits) {
      const int64_t use = draw(0, 3);
      if (digit.axis == axis && use > 0) {
        e.from.partial.push_back(digit);
      } else if (use < 2) {
        e.from.dims[use].axes.push_back(digit);
      }
    }
    e.resolve = e.from.partial;
    e.to = e.from;
    e.to.partial.clear();
    for (const AxisRef& digit : e.resolve) {
      const int64_t use = draw(0, 2);
      if (use < 2) e.to.dims[use].axes.push_back(digit);
    }
    if (!SumsAlongLine(e.from, e.to, e.resolve)) continue;
    ++sums;
    const PortLoads got = LoadsOf(e), want = ByDefinition(e);
    EXPECT_EQ(got.bytes_in, want.bytes_in) << seed;
    EXPECT_EQ(got.added, want.added) << seed;
    EXPECT_EQ(got.chain, want.chain) << seed;
  }
  EXPECT_GT(sums, 200);
}

// Every node gets what it wants and has not: by walking over its sources.
TEST(PortLoads, CopiesArriveFromOthers) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    Exchange e{.from = ReplicatedPlacement({draw(1, 9), draw(1, 9)}),
               .element_bytes = 2};
    e.to = e.from;
    for (const AxisRef& digit : kDigits) {
      for (Placement* p : {&e.from, &e.to}) {
        const int64_t use = draw(0, 2);
        if (use < 2) p->dims[use].axes.push_back(digit);
      }
    }
    const PortLoads got = LoadsOf(e);
    for (int64_t n = 0; n < kMesh.nodes(); ++n) {
      const NodeCoord node = NodeAt(n, kMesh);
      int64_t in = 0, copied = 0;
      ForEachSource(e.from, {}, e.to.BoxAt(node, kMesh), node, kMesh,
                    [&](NodeCoord source, const Box& box) {
                      (source == node ? copied : in) += NumElements(box) * 2;
                    });
      EXPECT_EQ(got.bytes_in[n], in) << seed << " node " << n;
      EXPECT_EQ(got.copied[n], copied) << seed << " node " << n;
    }
  }
}

}  // namespace
}  // namespace tatami
