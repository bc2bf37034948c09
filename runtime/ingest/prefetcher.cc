#include "runtime/ingest/prefetcher.h"

#include <chrono>
#include <utility>

#include "core/check.h"

namespace tatami {

Prefetcher::Prefetcher(Produce produce, PrefetcherOptions options)
    : produce_(std::move(produce)), capacity_(options.capacity) {
  TATAMI_CHECK(capacity_ >= 1) << capacity_;
  producer_ = std::thread([this, options] { Run(options.first_step); });
}

Prefetcher::~Prefetcher() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  producer_.join();
}

void Prefetcher::Run(int64_t step) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return stopping_ || static_cast<int64_t>(queue_.size()) < capacity_;
      });
      if (stopping_) return;
    }
    absl::StatusOr<ClipBatch> batch = produce_(step++);
    const bool failed = !batch.ok();
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(batch));
    }
    changed_.notify_all();
    if (failed) return;
  }
}

absl::StatusOr<ClipBatch> Prefetcher::Next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !queue_.empty(); });
  wait_ns_total_ += std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::steady_clock::now() - begin)
                        .count();
  if (!queue_.front().ok()) return queue_.front().status();  // stays for later calls
  absl::StatusOr<ClipBatch> batch = std::move(queue_.front());
  queue_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch;
}

}  // namespace tatami
