// The emulator: computes a Program, real numbers in real bytes. Each rank hosts a block
// of nodes; each node is an arena of exactly its SRAM.
//
// Invariants:
// 1. Results depend on the Program and on what is fed, never on the number of ranks or
//    threads, nor on the order in which messages arrive.
// 2. A node's kernel runs on one thread; threads share out nodes.
// 3. Between the exchange and the compute of a superstep, and after the compute, all
// threads
//    of a rank meet; ranks wait only for the messages they need.
// Bytes in flight between ranks live in host memory: they are the fabric's, not a
// node's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/program.h"
#include "runtime/transport.h"

namespace tatami {

// Where a superstep is: before its messages are sent, after that, and before its calls.
enum class SuperstepPoint { kExchange, kWait, kCompute };

struct EmulatorOptions {
  int threads = 1;                               // of this rank
  absl::Duration deadline = absl::Seconds(120);  // for one exchange
  // Fills every node's SRAM with 0xFF, a NaN in every float type, before anything is
  // written: what a program reads without having brought it there is then seen.
  bool poison_sram = false;
  // Counts link_bytes() while copies are prepared: every route, hop by hop.
  bool count_links = false;
  // Times every call on every node, for call_times(): two clock reads a call.
  bool time_calls = false;
  // Called by the thread that calls Step() when it comes there; may be null.
  std::function<void(SuperstepPoint, int superstep)> at_point;
};

// Processor time of one call of the program so far, summed over the nodes hosted here.
struct CallTime {
  std::string call, op;
  double seconds = 0;
};

// Where one step's time went on this rank, in seconds.
struct StepTimes {
  double exchange_s = 0;  // writing feeds, packing, local copies, combining
  double wait_s = 0;      // for other ranks
  double compute_s = 0;
};

class Emulator {
 public:
  // Prepares every kernel and transfer of the nodes this rank hosts. The transport must
  // outlive the emulator. Errors: E0603 when there are more ranks than nodes; a
  // kernel's own.
  static absl::StatusOr<std::unique_ptr<Emulator>> Create(
      std::shared_ptr<const Program> program, Transport& transport,
      EmulatorOptions options);
  virtual ~Emulator() = default;

  // Writes the bytes of a whole logical tensor (dense row-major, storage type) into the
  // nodes that hold parts of it. Every rank passes the same bytes.
  virtual absl::Status WriteState(absl::string_view name,
                                  absl::Span<const std::byte> bytes) = 0;
  // Where the states of one node hosted here, counted from 0, lie in its SRAM: in the
  // order of Program::states, an empty span for what it holds nothing of. They may be
  // read and written between two steps, as long as the emulator lives.
  virtual std::vector<absl::Span<std::byte>> NodeStates(int64_t hosted) = 0;
  // Keeps the bytes of a whole input in host memory, which stands for the DRAM of the
  // machine's interface cards; the step writes each part to the nodes when it is due.
  virtual absl::Status Feed(absl::string_view input,
                            absl::Span<const std::byte> bytes) = 0;

  // Runs one step. Every input the program reads must be fed anew before each step:
  // FailedPrecondition names one that was not. E0601 naming rank, superstep and tensors
  // when a rank stays silent.
  virtual absl::Status Step() = 0;

  // A whole logical tensor, on rank 0; empty elsewhere. Collective.
  virtual absl::StatusOr<std::vector<std::byte>> ReadState(absl::string_view name) = 0;
  virtual absl::StatusOr<std::vector<std::byte>> Fetch(absl::string_view output) = 0;

  // Bytes that the nodes hosted here receive over each link in one step, for themselves
  // or to pass on, counted from the copies; by link of Program::grid(). REQUIRES:
  // EmulatorOptions::count_links.
  virtual const LinkBytes& link_bytes() const = 0;
  // The end of the highest byte of SRAM that any node hosted here has written since
  // Create, found by what is left of the poison. REQUIRES:
  // EmulatorOptions::poison_sram.
  virtual int64_t high_water_bytes() const = 0;
  virtual const StepTimes& times() const = 0;  // of all steps so far
  // One entry a call in program order; empty unless EmulatorOptions::time_calls.
  virtual std::vector<CallTime> call_times() const = 0;
  virtual const Program& program() const = 0;
};

// The bytes of a state before the first step: a function of (seed, name, logical index)
// alone.
std::vector<std::byte> InitialState(const ProgramState& state, const TensorType& type,
                                    uint64_t seed);

}  // namespace tatami
