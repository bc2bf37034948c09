#include "runtime/ingest/prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "core/error.h"

namespace tatami {
namespace {

using std::chrono::milliseconds;

ClipBatch Numbered(int64_t step) {
  return {.clips = 1, .labels = {static_cast<float>(step)}};
}

TEST(Prefetcher, GivesTheBatchesThatDirectCallsGive) {
  const auto dataset = ClipDataset::Load(
      "data/sullychen_garage", {.size = {16, 24}, .flip = Flip::kHalfOfTheClips});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto make = [&](int64_t step) {
    return dataset->TrainBatch({.step = step, .batch = 3, .begin = 0, .end = 3});
  };
  for (int64_t capacity : {1, 2, 7}) {
    Prefetcher prefetcher(make, {.first_step = 4, .capacity = capacity});
    for (int64_t step = 4; step < 44; ++step) {
      const auto ahead = prefetcher.Next();
      const auto direct = make(step);
      ASSERT_TRUE(ahead.ok() && direct.ok());
      EXPECT_EQ(ahead->frames, direct->frames) << step;
      EXPECT_EQ(ahead->mask, direct->mask) << step;
      EXPECT_EQ(ahead->labels, direct->labels) << step;
    }
  }
}

// While nobody consumes, the producer may hold `capacity` batches in the queue and must
// then wait; a second too many would be made within the 100 ms.
TEST(Prefetcher, StaysWithinItsCapacity) {
  std::atomic<int64_t> made = 0;
  Prefetcher prefetcher(
      [&](int64_t step) -> absl::StatusOr<ClipBatch> {
        ++made;
        return Numbered(step);
      },
      {.capacity = 3});
  while (made < 3) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(made, 3);
  EXPECT_EQ(prefetcher.Next()->labels[0], 0);
  while (made < 4) std::this_thread::yield();
}

TEST(Prefetcher, StopsEarlyWhetherFullOrBusy) {
  for (int round = 0; round < 200; ++round) {
    Prefetcher prefetcher(
        [&](int64_t step) -> absl::StatusOr<ClipBatch> { return Numbered(step); },
        {.capacity = 1 + round % 3});
    for (int i = 0; i < round % 4; ++i) EXPECT_EQ(prefetcher.Next()->labels[0], i);
  }
}

TEST(Prefetcher, HandsOnAnErrorInItsPlaceAndKeepsIt) {
  std::atomic<int64_t> calls = 0;
  Prefetcher prefetcher(
      [&](int64_t step) -> absl::StatusOr<ClipBatch> {
        ++calls;
        if (step == 2)
          return MakeError(ErrorCode::kDataUnreadable, "clip 7 is damaged.");
        return Numbered(step);
      },
      {.capacity = 5});
  EXPECT_EQ(prefetcher.Next()->labels[0], 0);
  EXPECT_EQ(prefetcher.Next()->labels[0], 1);
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = prefetcher.Next().status();
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kDataUnreadable);
    EXPECT_EQ(status.message(), "E0402: clip 7 is damaged.");
  }
  std::this_thread::sleep_for(milliseconds(100));  // time for a fourth, were it made
  EXPECT_EQ(calls, 3);
}

// A producer that needs 20 ms per batch keeps an idle consumer waiting about so long; a
// consumer that comes late does not wait. Sleeps are only ever longer than asked, so
// the lower bound is exact; the consumer sleeps long enough for the other.
TEST(Prefetcher, MeasuresHowLongTheConsumerWaited) {
  const auto slow = [](int64_t step) -> absl::StatusOr<ClipBatch> {
    std::this_thread::sleep_for(milliseconds(20));
    return Numbered(step);
  };
  Prefetcher prefetcher(slow, {.capacity = 1});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(prefetcher.Next().ok());
  const int64_t passed_ns = (std::chrono::steady_clock::now() - begin).count();
  const int64_t waited_ns = prefetcher.wait_ns_total();
  EXPECT_GE(waited_ns, 4 * 20'000'000);  // the first may be under way already
  EXPECT_LE(waited_ns, passed_ns);
  std::this_thread::sleep_for(milliseconds(500));
  ASSERT_TRUE(prefetcher.Next().ok());
  EXPECT_LT(prefetcher.wait_ns_total() - waited_ns, 20'000'000);
}

}  // namespace
}  // namespace tatami
