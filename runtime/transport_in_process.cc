#include "runtime/transport_in_process.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <tuple>

#include "core/check.h"
#include "core/random.h"

namespace tatami {
namespace {

using Bytes = std::vector<std::byte>;

// Mail between ranks: queues keyed by (from, to, channel).
class Hub {
 public:
  Hub(int size, InProcessOptions options) : size_(size), options_(options) {}
  int size() const { return size_; }

  void Send(int from, int to, int channel, absl::Span<const std::byte> bytes) {
    if (from == options_.silent_rank) return;
    const std::lock_guard lock(mutex_);
    const double u = RandomUniform(options_.seed, from * size_ + to, sent_++);
    queues_[{from, to, channel}].push_back(
        {Bytes(bytes.begin(), bytes.end()), absl::Now() + u * options_.delay_max});
    changed_.notify_all();
  }

  // False when nothing arrived by `until`.
  bool Receive(int from, int to, int channel, absl::Time until, Bytes& bytes) {
    std::unique_lock lock(mutex_);
    auto& queue = queues_[{from, to, channel}];
    const auto arrived = [&] {
      return !queue.empty() && queue.front().due <= absl::Now();
    };
    while (!arrived()) {
      if (absl::Now() >= until) return false;
      // Wakes for new mail and, by polling, for mail that becomes due.
      changed_.wait_for(lock, std::chrono::microseconds(200));
    }
    bytes = std::move(queue.front().bytes);
    queue.pop_front();
    return true;
  }

 private:
  struct Mail {
    Bytes bytes;
    absl::Time due;
  };
  const int size_;
  const InProcessOptions options_;
  // Guards all below. From std, which ThreadSanitizer understands without an abseil
  // built for it.
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t sent_ = 0;
  std::map<std::tuple<int, int, int>, std::deque<Mail>> queues_;
};

class InProcessTransport : public Transport {
 public:
  InProcessTransport(std::shared_ptr<Hub> hub, int rank)
      : hub_(std::move(hub)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return hub_->size(); }

  absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                 std::vector<Part> receives) override {
    patterns_.push_back({std::move(sends), std::move(receives)});
    return static_cast<int>(patterns_.size()) - 1;
  }

  absl::Status Start(int pattern) override {
    for (const Part& part : patterns_[pattern].sends) {
      hub_->Send(rank_, part.peer, pattern, part.buffer);
    }
    return absl::OkStatus();
  }

  absl::Status Wait(int pattern, absl::Duration deadline) override {
    const absl::Time until = absl::Now() + deadline;
    std::vector<int> silent;
    for (const Part& part : patterns_[pattern].receives) {
      Bytes bytes;
      if (!hub_->Receive(part.peer, rank_, pattern, until, bytes)) {
        silent.push_back(part.peer);
        continue;
      }
      TATAMI_CHECK(bytes.size() == part.buffer.size()) << "patterns do not match";
      std::copy(bytes.begin(), bytes.end(), part.buffer.begin());
    }
    if (silent.empty()) return absl::OkStatus();
    return SilenceError(rank_, deadline, std::move(silent));
  }

  absl::StatusOr<std::vector<Bytes>> GatherToRoot(
      absl::Span<const std::byte> mine) override {
    if (rank_ != 0) {
      hub_->Send(rank_, 0, kGather, mine);
      return std::vector<Bytes>();
    }
    std::vector<Bytes> all(size());
    all[0].assign(mine.begin(), mine.end());
    for (int r = 1; r < size(); ++r) {
      if (!hub_->Receive(r, 0, kGather, absl::Now() + kControlDeadline, all[r])) {
        return SilenceError(rank_, kControlDeadline, {r});
      }
    }
    return all;
  }

  absl::Status BroadcastFromRoot(Bytes& bytes) override {
    if (rank_ == 0) {
      for (int r = 1; r < size(); ++r) hub_->Send(0, r, kBroadcast, bytes);
      return absl::OkStatus();
    }
    if (!hub_->Receive(0, rank_, kBroadcast, absl::Now() + kControlDeadline, bytes)) {
      return SilenceError(rank_, kControlDeadline, {0});
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int kGather = -1, kBroadcast = -2;
  struct Pattern {
    std::vector<Part> sends, receives;
  };
  std::shared_ptr<Hub> hub_;
  int rank_;
  std::vector<Pattern> patterns_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(
    int size, InProcessOptions options) {
  auto hub = std::make_shared<Hub>(size, options);
  std::vector<std::unique_ptr<Transport>> out;
  for (int r = 0; r < size; ++r)
    out.push_back(std::make_unique<InProcessTransport>(hub, r));
  return out;
}

std::unique_ptr<Transport> MakeSingleTransport() {
  return std::move(MakeInProcessTransports(1, {})[0]);
}

}  // namespace tatami
