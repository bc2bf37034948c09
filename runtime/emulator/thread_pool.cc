#include "runtime/emulator/thread_pool.h"

namespace tatami {
namespace {

// A superstep is some hundred microseconds: a waiting thread spins this many rounds
// before it sleeps.
constexpr int kSpins = 20000;

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int t = 1; t < threads; ++t) workers_.emplace_back([this] { Work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    ++generation_;
  }
  started_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Drain() {
  for (int64_t i = next_++; i < count_; i = next_++) (*work_)(i);
}

void ThreadPool::Run(int64_t count, const std::function<void(int64_t)>& work) {
  if (workers_.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    next_ = 0;
    count_ = count;
    busy_ = static_cast<int>(workers_.size());
    ++generation_;
  }
  started_.notify_all();
  Drain();
  for (int spins = 0; busy_ > 0; ++spins) {
    if (spins > kSpins) std::this_thread::yield();
  }
}

void ThreadPool::Work() {
  int64_t seen = 0;
  while (true) {
    for (int spins = 0; generation_ == seen; ++spins) {
      if (spins < kSpins) continue;
      std::unique_lock lock(mutex_);
      started_.wait(lock, [this, seen] { return generation_ != seen; });
    }
    seen = generation_;
    if (stop_) return;
    Drain();
    --busy_;
  }
}

}  // namespace tatami
