// Storage: the files of the outside world as one small interface, so that tests can
// replace the disk by one that fills up, tears writes or dies.
//
// Paths are plain paths with '/'. Every failure is kStorage with the path and the
// system's reason. Thread-compatible: one caller at a time on one path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tatami {

using Bytes = absl::Span<const std::byte>;

inline Bytes AsBytes(absl::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  // Makes the directory and its parents, durably; fine when it is there.
  virtual absl::Status MakeDirectory(const std::string& path) = 0;
  // Creates or replaces the file with the pieces end to end. Not durable before Sync.
  virtual absl::Status Write(const std::string& path,
                             absl::Span<const Bytes> pieces) = 0;
  // Fills `to` from byte `offset` on; fails when the file ends before.
  virtual absl::Status Read(const std::string& path, int64_t offset,
                            absl::Span<std::byte> to) = 0;
  virtual absl::StatusOr<int64_t> FileBytes(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Atomic, also when `to` exists: a file or a directory tree is then replaced whole,
  // and at every moment `to` is the old one or the new one. That of a tree is durable
  // before the old one is taken apart.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // Removes a file or a directory tree; fine when it is not there.
  virtual absl::Status Remove(const std::string& path) = 0;
  // Sorted names of the entries of a directory.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // Makes a file's content, or a directory's entries, survive a loss of power.
  virtual absl::Status Sync(const std::string& path) = 0;
  // Bytes that may still be written below the directory `path`.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
};

class PosixStorage : public Storage {
 public:
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
};

// Replaces the file whole and durably: written beside, synced, renamed. On failure what
// was there before stays, and nothing is left beside it where the disk lets it be
// removed.
absl::Status ReplaceFile(Storage& storage, const std::string& path,
                         absl::Span<const Bytes> pieces);

// The whole file as text; fails with kStorage when it is larger than bytes_max.
absl::StatusOr<std::string> ReadText(Storage& storage, const std::string& path,
                                     int64_t bytes_max);

}  // namespace tatami
