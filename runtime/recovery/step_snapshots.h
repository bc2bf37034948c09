// Step snapshots: the states of all nodes after each step, kept in memory that outlives
// the processes of the run, so that a run that died goes on from its last step.
//
// Every rank keeps the states of the nodes it hosts in two files of a folder in shared
// memory, in turns: a step overwrites the step before the last. Ranks whose partner
// (half of them further) is on another host also keep that one's bytes. Invariants:
//   1. Once a rank begins to write step s + 1, step s is whole on all ranks: between
//      the two lies a step, and in each all ranks hear of rank 0, which heard of all.
//      So at every moment a whole snapshot exists that lacks one step at most.
//   2. A snapshot is the files of one Program, seed, step and incarnation (one start of
//      the run) that have all nodes between them; no byte of it is used that a checksum
//      does not cover.
//   3. Bytes belong to nodes, so any number of ranks can go on from it.
// The folder belongs to one run. What a loss of power leaves is a matter of
// runtime/checkpoint/checkpoint.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "runtime/recovery/mapped_file.h"
#include "runtime/recovery/snapshot_image.h"
#include "runtime/storage.h"
#include "runtime/transport.h"

namespace tatami {

struct SnapshotOptions {
  std::string dir;
  std::string host;  // of this rank: those with equal names share `dir`
  absl::Duration deadline = absl::Seconds(120);  // for the partner
  // Called with the image of each step before it is marked whole; may be null.
  std::function<void(absl::Span<std::byte> image)> before_mark;
};

// What is kept. `hosted` are the states of the nodes that this rank hosts, in order;
// they are read by Write and written by Restore.
struct SnapshotContent {
  std::string program;  // Program::Hash
  uint64_t seed = 0;
  std::vector<int64_t> node_bytes;  // of the states of every node of the mesh
  std::vector<std::vector<absl::Span<std::byte>>> hosted;
};

// This machine's name and the number of its start, which shared memory does not
// survive.
std::string ThisHost();

// All calls but the getters are collective: every rank makes the same in the same
// order.
class StepSnapshots {
 public:
  // Storage and transport outlive it. E0602 when the folder cannot be made.
  static absl::StatusOr<std::unique_ptr<StepSnapshots>> Create(SnapshotContent content,
                                                               Transport& transport,
                                                               Storage& storage,
                                                               SnapshotOptions options);

  // Steps done in the newest whole snapshot; nullopt when there is none. All ranks get
  // the same answer.
  absl::StatusOr<std::optional<int64_t>> FindNewest();
  // Why files were passed over that are not just unfinished; on rank 0, of FindNewest.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // 1 for the first start of the run, one more than any seen by FindNewest afterwards.
  int64_t incarnation() const { return incarnation_; }

  // Writes the snapshot of FindNewest into the states. It goes through rank 0, a file
  // at a time. E0601, E0602; E0701 when a file changed since it was found.
  absl::Status Restore();

  // Makes room for the steps after `first_step`, which is the one of FindNewest or was
  // found elsewhere; its snapshot stays until that of first_step + 2. E0602 when there
  // is no room.
  absl::Status Begin(int64_t first_step);
  // Keeps the states after `step`. REQUIRES: Begin; steps ascend by one.
  absl::Status Write(int64_t step);

  // Removes all snapshots, of this run or another; after it, Begin must come first.
  absl::Status Remove();

 private:
  struct Source {  // a file of the snapshot to restore
    SnapshotHeader header;
    int rank = 0;      // that reads it
    std::string path;  // known there
  };
  struct Slot {
    std::unique_ptr<MappedFile> own, copy;  // copy: of the rank half of them before
    int pattern = -1;
  };

  StepSnapshots(SnapshotContent content, Transport& transport, Storage& storage,
                SnapshotOptions options);
  absl::StatusOr<std::vector<std::string>> FilesHere();
  absl::StatusOr<std::vector<Source>> ReadFilesHere(std::string& warnings);
  absl::Status RestoreFrom(const Source& source);
  int64_t BytesOf(int64_t node_begin, int64_t node_end) const;
  bool IsOfThisRun(const SnapshotHeader& header) const;
  SnapshotHeader HeaderOf(int64_t step) const;
  absl::Status OpenSlot(int slot);

  const SnapshotContent content_;
  Transport& transport_;
  Storage& storage_;
  const SnapshotOptions options_;
  std::vector<std::string> hosts_;  // by rank
  std::vector<Source> newest_;
  std::vector<std::string> warnings_;
  int64_t incarnation_ = 1;
  std::vector<Slot> slots_;
};

}  // namespace tatami
