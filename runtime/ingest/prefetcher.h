// Makes batches on a thread of its own, ahead of the step that needs them.
//
// Concurrency: one consumer thread calls Next. One producer thread, owned by the
// prefetcher, calls the producing function, one step after the other. Invariants, under
// the mutex:
// 1. The queue holds the batches of consecutive steps, oldest first, at most
// `capacity`.
// 2. After a failure the queue ends with its status and the producer has stopped.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "runtime/ingest/clip_dataset.h"

namespace tatami {

struct PrefetcherOptions {
  int64_t first_step = 0;
  int64_t capacity = 2;  // finished batches that wait; at least 1
};

class Prefetcher {
 public:
  // Makes the batch of one step. Called on the producer thread only; what it refers to
  // must outlive the prefetcher.
  using Produce = std::function<absl::StatusOr<ClipBatch>(int64_t step)>;

  // Starts producing at first_step.
  Prefetcher(Produce produce, PrefetcherOptions options);
  // Waits for the batch being made, discards the rest.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The batch of the next step, in order; blocks until it is made. The error of the
  // producing function at the step where it failed, and again at every later call.
  absl::StatusOr<ClipBatch> Next();

  // How long Next blocked, in total: the time that training waited for data. Consumer
  // thread only.
  int64_t wait_ns_total() const { return wait_ns_total_; }

 private:
  void Run(int64_t step);

  const Produce produce_;
  const int64_t capacity_;
  int64_t wait_ns_total_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<absl::StatusOr<ClipBatch>> queue_;  // under mutex_
  bool stopping_ = false;                        // under mutex_
  std::thread producer_;                         // last: starts when the rest is ready
};

}  // namespace tatami
