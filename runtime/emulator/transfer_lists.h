// The copies of one rank, derived from a Program's exchanges before the first step.
#pragma once

#include <vector>

#include "absl/container/node_hash_set.h"
#include "core/program.h"
#include "runtime/emulator/link_counter.h"
#include "runtime/transport.h"

namespace tatami {

// One box copy into a hosted node or into the fabric beside it, from a hosted node,
// from a message or from the fabric.
struct Copy {
  const BoxCopy* box = nullptr;  // one of Transfers::boxes
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  DType dtype = DType::kF32;
  bool combines = false;  // a later term of a sum or maximum
  Combine combine = Combine::kSum;
  void Run() const {
    if (combines) {
      box->CombineInto(combine, dtype, from, to);
    } else {
      box->Copy(ByteSize(dtype), from, to);
    }
  }
};

// One box copied from a hosted node into a message.
struct Pack {
  const BoxCopy* box = nullptr;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  DType dtype = DType::kF32;

  void Run() const { box->Copy(ByteSize(dtype), from, to); }
};

struct SuperstepTransfers {
  std::vector<std::vector<Copy>>
      copies;  // by hosted node, in the order they must combine
  std::vector<Pack> packs;
  int pattern = -1;  // of the transport; -1 when nothing crosses ranks
  // Message memory, one block per peer.
  std::vector<std::vector<std::byte>> send,
      receive;  // by rank; empty where nothing goes
};

struct Transfers {
  std::vector<SuperstepTransfers> supersteps;
  // The forms of all copies: few, for nodes in the middle of a mesh are alike.
  absl::node_hash_set<BoxCopy> boxes;
  // By hosted node: a sum on its way towards it from the far end of a line.
  std::vector<std::vector<std::byte>> in_flight;
};

// Which nodes a rank hosts: a contiguous block of NodeIndex.
struct HostedNodes {
  int64_t begin = 0, end = 0;
  static HostedNodes Of(int rank, int ranks, int64_t nodes) {
    return {nodes * rank / ranks, nodes * (rank + 1) / ranks};
  }
};

// `sram_of_hosted` has the address of each hosted node's SRAM here. Registers one
// pattern with the transport for every superstep that crosses ranks. `counter` (may be
// null) sees every copy.
absl::StatusOr<Transfers> BuildTransfers(const Program& program, Transport& transport,
                                         const std::vector<std::byte*>& sram_of_hosted,
                                         LinkCounter* counter);

}  // namespace tatami
