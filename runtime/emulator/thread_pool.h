// A fixed set of threads that share out the nodes of a rank.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tatami {

// Run() is called by one thread, which takes part. Which thread takes which index is
// not fixed; nothing computed depends on it.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls work(0) .. work(count - 1) and returns when all are done.
  void Run(int64_t count, const std::function<void(int64_t)>& work);

 private:
  void Work();
  void Drain();

  // Of std, which ThreadSanitizer understands. The mutex serves sleeping alone.
  std::mutex mutex_;
  std::condition_variable started_;
  const std::function<void(int64_t)>* work_ = nullptr;
  std::atomic<int64_t> next_{0}, count_{0};
  std::atomic<int64_t> generation_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace tatami
