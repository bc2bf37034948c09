// A disk that misbehaves on purpose, over a real one. For tests.
#pragma once

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "runtime/storage.h"

namespace tatami {

struct StorageFaults {
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // Bytes that may be written before the disk is full. FreeBytes tells the truth.
  int64_t bytes_until_full = kNever;
  // FreeBytes answers this instead, as when another job fills the disk meanwhile.
  int64_t free_bytes_claimed = -1;
  // The n-th changing call (from 0) and all after it fail, as if the process had died.
  // A Write that dies leaves half of its bytes.
  int64_t dies_at_change = kNever;
  // The n-th changing call (from 0) fails with an input/output error; the disk goes on.
  int64_t io_error_at_change = kNever;
  // From the n-th changing call (from 0) on the disk can only be read.
  int64_t read_only_at_change = kNever;
  // Each Write and Sync takes so long.
  std::chrono::milliseconds delay{0};
  // The n-th Write (from 0) loses its second half and reports success.
  int64_t torn_write = kNever;
};

class FaultyStorage : public Storage {
 public:
  // `under` outlives this.
  FaultyStorage(Storage& under, const StorageFaults& faults)
      : under_(under), faults_(faults) {}

  // Calls so far that change the disk: MakeDirectory, Write, Rename, Remove, Sync.
  int64_t changes() const { return changes_; }
  int64_t writes() const { return writes_; }

  absl::Status MakeDirectory(const std::string& path) override;
  absl::Status Write(const std::string& path, absl::Span<const Bytes> pieces) override;
  absl::Status Read(const std::string& path, int64_t offset,
                    absl::Span<std::byte> to) override;
  absl::StatusOr<int64_t> FileBytes(const std::string& path) override;
  bool Exists(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status Sync(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;

 private:
  // Counts a changing call; not OK once the process is dead.
  absl::Status Change(absl::string_view what, const std::string& path);

  Storage& under_;
  StorageFaults faults_;
  int64_t changes_ = 0;
  int64_t writes_ = 0;
  int64_t bytes_written_ = 0;
};

}  // namespace tatami
