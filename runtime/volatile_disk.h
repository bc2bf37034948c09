// A disk in memory that loses what was not synced when its power fails. For tests, in
// which FaultyStorage over it says when the process dies.
//
// The model: a file keeps the content of its last Sync or any of those written since,
// or half of one; a directory keeps its entries of the last Sync or those after any
// number of the changes since, each directory by itself. A Rename is one change of one
// directory; removing a tree empties each directory in it before the tree goes.
// MakeDirectory is durable, as Storage promises.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/storage.h"

namespace tatami {

// What a power failure leaves of the changes that were not synced.
enum class PowerLoss { kLosesAll, kKeepsAll, kKeepsAtRandom };

class VolatileDisk : public Storage {
 public:
  VolatileDisk();

  void LosePower(PowerLoss loss, std::mt19937& random);

  absl::Status MakeDirectory(const std::string& path) override;
  absl::Status Write(const std::string& path, absl::Span<const Bytes> pieces) override;
  absl::Status Read(const std::string& path, int64_t offset,
                    absl::Span<std::byte> to) override;
  absl::StatusOr<int64_t> FileBytes(const std::string& path) override;
  bool Exists(const std::string& path) override;
  // Within one directory.
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status Sync(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;

 private:
  struct Node;
  using Entries = std::map<std::string, std::shared_ptr<Node>>;
  // A file has contents, a directory entries: the durable one first, then what each
  // change since made of it, the last of which the process sees.
  struct Node {
    std::vector<std::string> contents;
    std::vector<Entries> entries;
    bool is_directory() const { return !entries.empty(); }
  };

  // The node at the path, or null.
  std::shared_ptr<Node> Find(const std::string& path) const;
  // The directory that holds the last name of the path, or null.
  std::shared_ptr<Node> Parent(const std::string& path) const;
  static void EmptyTree(Node& node);
  static void Settle(Node& node, PowerLoss loss, std::mt19937& random);

  std::shared_ptr<Node> root_;
};

}  // namespace tatami
