#include "runtime/simulator/ring_collectives.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace tatami {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
// Of the published runs; its GB is 2^30 bytes.
constexpr RingRates kRates = {.link_bytes_per_ns = 50.0 * (1 << 30) / 1e9,
                              .link_latency_ns = 500,
                              .endpoint_ns = 10,
                              .memory_bytes_per_ns = 1600,
                              .chunks = 4};

std::vector<RingDimension> Rings(const std::vector<int64_t>& sizes) {
  std::vector<RingDimension> dimensions;
  for (const int64_t size : sizes) dimensions.push_back({.nodes = size});
  return dimensions;
}

struct Row {
  RingCollective collective;
  std::vector<int64_t> sizes;
  int64_t mib;
  int64_t ns;
};

// What ASTRA-sim simulates, event by event, for the ring algorithm; its analytical
// backend without congestion for tori, the one with congestion for single rings.
const std::vector<Row>& AstraSimRows() {
  constexpr RingCollective kReduce = RingCollective::kAllReduce,
                           kScatter = RingCollective::kReduceScatter,
                           kGather = RingCollective::kAllGather,
                           kToAll = RingCollective::kAllToAll;
  static const auto* const kRows = new std::vector<Row>{
      {kReduce, {5, 5}, 1, 49'168},      {kReduce, {5, 5}, 64, 2'117'024},
      {kScatter, {5, 5}, 1, 28'254},     {kScatter, {5, 5}, 64, 1'165'914},
      {kGather, {5, 5}, 1, 420'402},     {kGather, {5, 5}, 64, 26'260'250},
      {kToAll, {5, 5}, 1, 74'350},       {kToAll, {5, 5}, 64, 3'150'500},
      {kReduce, {16, 16}, 1, 99'680},    {kReduce, {16, 16}, 64, 2'522'900},
      {kScatter, {16, 16}, 1, 58'685},   {kScatter, {16, 16}, 64, 1'348'160},
      {kGather, {16, 16}, 1, 4'799'030}, {kGather, {16, 16}, 64, 304'725'800},
      {kToAll, {16, 16}, 1, 489'050},    {kToAll, {16, 16}, 64, 12'024'650},
      {kReduce, {64, 64}, 1, 331'818},   {kReduce, {64, 64}, 64, 2'840'876},
      {kToAll, {64, 64}, 1, 5'906'930},  {kReduce, {128, 128}, 64, 3'121'740},
      {kReduce, {25}, 1, 137'128},       {kReduce, {25}, 64, 2'618'440},
      {kGather, {25}, 64, 30'049'000},   {kToAll, {25}, 1, 846'040},
      {kToAll, {25}, 64, 15'610'840},    {kReduce, {256}, 1, 1'079'200},
      {kReduce, {256}, 64, 3'651'640},   {kGather, {256}, 64, 319'270'240},
      {kToAll, {256}, 1, 69'066'280},    {kToAll, {256}, 64, 225'868'840},
      {kReduce, {1024}, 1, 4'206'616},   {kReduce, {1024}, 64, 6'792'760},
      {kGather, {16}, 1, 323'560},  // the example that comes with ASTRA-sim
  };
  return *kRows;
}

TEST(RingCollectives, TakeWhatAstraSimTakesToTheNanosecond) {
  for (const Row& row : AstraSimRows()) {
    const absl::StatusOr<int64_t> ns =
        RingCollectiveNs(row.collective, Rings(row.sizes), row.mib * kMiB, kRates);
    ASSERT_TRUE(ns.ok()) << ns.status();
    EXPECT_EQ(*ns, row.ns) << "collective " << static_cast<int>(row.collective)
                           << ", dimensions " << row.sizes.size() << " of "
                           << row.sizes[0] << ", " << row.mib << " MiB";
  }
}

// Chunks whose stages all take equally long leave one after the other: the pipeline
// fills once.
TEST(RingCollectives, PipelineOfEqualStagesFillsOnce) {
  const auto ns = [](const std::vector<int64_t>& sizes, int64_t chunks) {
    RingRates rates = kRates;
    rates.chunks = chunks;
    return *RingCollectiveNs(RingCollective::kAllToAll, Rings(sizes), chunks * 4096,
                             rates);
  };
  const int64_t stage_ns = ns({8}, 1);
  for (const int64_t chunks : {1, 2, 7}) {
    EXPECT_EQ(ns({8, 8, 8}, chunks), (chunks + 2) * stage_ns);
  }
}

// One chunk in one dimension, by hand: 3 messages of 1000 bytes at 2 B/ns.
TEST(RingCollectives, MessagesCrossARingOrASwitch) {
  const RingRates rates = {.link_bytes_per_ns = 2,
                           .link_latency_ns = 100,
                           .endpoint_ns = 7,
                           .memory_bytes_per_ns = 300};
  const auto ns = [&](RingWire wire) {
    return *RingCollectiveNs(RingCollective::kAllGather, {{.nodes = 4, .wire = wire}},
                             1000, rates);
  };
  EXPECT_EQ(ns(RingWire::kRing), 3 * (100 + 500 + 7) + 7);
  EXPECT_EQ(ns(RingWire::kSwitch), 3 * (200 + 500 + 7) + 7);
  EXPECT_EQ(ns(RingWire::kStoreAndForwardSwitch), 3 * (2 * (100 + 500) + 7) + 7);
  // 250-byte messages, each reduced in three passes of floor(250 / 300) = 0 ns.
  EXPECT_EQ(
      *RingCollectiveNs(RingCollective::kReduceScatter, {{.nodes = 4}}, 1000, rates),
      3 * (100 + 125 + 7) + 7);
}

// None of the rows above tells the newest from the longest waiting. Here chunks 0, 2
// and 1 enter in this order; when the second ring falls free at 8780 chunk 1 waits
// since 7260 and chunk 2, on its way back, since 7800. That 2 goes first ends it at
// 18100, 1 at 17560.
TEST(RingCollectives, NewestWaitingChunkGoesFirst) {
  const RingRates rates = {.link_bytes_per_ns = 1,
                           .endpoint_ns = 10,
                           .memory_bytes_per_ns = 1'000'000,
                           .chunks = 3};
  EXPECT_EQ(
      *RingCollectiveNs(RingCollective::kAllReduce, Rings({2, 5, 8}), 14'400, rates),
      18'100);
}

// A node must send 2 (N - 1) / N of its bytes to all-reduce; one link carries them.
TEST(RingCollectives, NothingIsFasterThanItsWires) {
  for (const Row& row : AstraSimRows()) {
    if (row.collective != RingCollective::kAllReduce) continue;
    int64_t nodes = 1;
    for (const int64_t size : row.sizes) nodes *= size;
    const double sent = 2.0 * static_cast<double>(nodes - 1) /
                        static_cast<double>(nodes) *
                        static_cast<double>(row.mib * kMiB);
    // Several rings at once use as many links.
    const double bound_ns =
        sent / kRates.link_bytes_per_ns / static_cast<double>(row.sizes.size());
    EXPECT_GE(static_cast<double>(*RingCollectiveNs(row.collective, Rings(row.sizes),
                                                    row.mib * kMiB, kRates)),
              bound_ns);
  }
}

TEST(RingCollectives, RefusesWhatIsNoRing) {
  const auto status = [](const std::vector<int64_t>& sizes, int64_t bytes) {
    return RingCollectiveNs(RingCollective::kAllReduce, Rings(sizes), bytes, kRates)
        .status();
  };
  EXPECT_EQ(status({4, 1}, 64).message(),
            "E0101: a ring of 1 nodes sends nothing; leave the dimension out.");
  EXPECT_EQ(GetErrorCode(status({}, 64)), ErrorCode::kBadFlag);
  EXPECT_EQ(GetErrorCode(status({4}, 0)), ErrorCode::kBadFlag);
  RingRates dead = kRates;
  dead.link_bytes_per_ns = 0;
  EXPECT_EQ(
      RingCollectiveNs(RingCollective::kAllReduce, Rings({4}), 64, dead)
          .status()
          .message(),
      "E0101: a ring collective needs a dimension, bytes, chunks and rates above 0 and "
      "no negative latency; got 1 dimensions, 64 bytes, 4 chunks, links of 0 B/ns and "
      "500 ns, endpoints of 10 ns, memory of 1600 B/ns.");
}

}  // namespace
}  // namespace tatami
