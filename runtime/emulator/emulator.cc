#include "runtime/emulator/emulator.h"

#include <cstring>
#include <ctime>
#include <map>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/emulator/sram_arena.h"
#include "runtime/emulator/thread_pool.h"
#include "runtime/emulator/transfer_lists.h"

namespace tatami {
namespace {

// Processor time of this thread: unlike the clock, blind to what else the host runs.
int64_t ThreadCpuNanos() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return int64_t{1000000000} * t.tv_sec + t.tv_nsec;
}

// One call of one hosted node, ready to run.
struct NodeCompute {
  LocalCall local;
  std::shared_ptr<PreparedKernel> kernel;
  std::vector<const std::byte*> in;
  std::byte* out = nullptr;
  int call = -1;
  int64_t ns = 0;  // spent so far, when calls are timed

  void Run() const { kernel->Run(local, in, out); }
  void RunTimed() {
    const int64_t start = ThreadCpuNanos();
    Run();
    ns += ThreadCpuNanos() - start;
  }
};

double SecondsSince(int64_t& mark_ns) {
  const int64_t now = absl::GetCurrentTimeNanos();
  const double s = (now - mark_ns) * 1e-9;
  mark_ns = now;
  return s;
}

// What the host has of an input.
struct FedInput {
  std::vector<std::byte> bytes;  // of the whole
  bool fed = false;              // since the last step
};
struct DueFeed {
  const ProgramFeed* feed;
  const FedInput* input;
};

constexpr uint8_t kPoison = 0xff;  // a NaN in every float type

class EmulatorImpl : public Emulator {
 public:
  EmulatorImpl(std::shared_ptr<const Program> program, Transport& transport,
               EmulatorOptions options)
      : program_(std::move(program)),
        transport_(transport),
        options_(options),
        hosted_(HostedNodes::Of(transport.rank(), transport.size(),
                                program_->mesh.nodes())),
        pool_(options.threads),
        links_(program_->mesh, program_->site ? &*program_->site : nullptr,
               hosted_.begin, hosted_.end) {}

  absl::Status Prepare() {
    const Program& p = *program_;
    feeds_before_.resize(p.supersteps.size() + 1);
    for (const ProgramFeed& feed : p.feeds) {
      feeds_before_[feed.superstep].push_back({&feed, &inputs_[feed.input]});
    }
    for (int64_t n = hosted_.begin; n < hosted_.end; ++n) {
      TATAMI_ASSIGN_OR_RETURN(SramArena arena, SramArena::Create(p.sram_bytes));
      if (options_.poison_sram) std::memset(arena.at(0), kPoison, arena.bytes());
      arenas_.push_back(std::move(arena));
      sram_.push_back(arenas_.back().at(0));
    }
    TATAMI_RETURN_IF_ERROR(CheckAddresses());
    TATAMI_ASSIGN_OR_RETURN(
        transfers_,
        BuildTransfers(p, transport_, sram_, options_.count_links ? &links_ : nullptr));
    return PrepareKernels();
  }

  absl::Status WriteState(absl::string_view name,
                          absl::Span<const std::byte> bytes) override {
    for (const ProgramState& state : program_->states) {
      if (state.name == name) return Write(state.buffer, name, bytes);
    }
    return absl::NotFoundError(absl::StrCat("the program has no state '", name, "'"));
  }

  std::vector<absl::Span<std::byte>> NodeStates(int64_t hosted) override {
    std::vector<absl::Span<std::byte>> states;
    for (const ProgramState& state : program_->states) {
      const int64_t bytes = program_->BytesAt(state.buffer, Coord(hosted));
      states.push_back(bytes == 0 ? absl::Span<std::byte>()
                                  : absl::MakeSpan(Data(state.buffer, hosted), bytes));
    }
    return states;
  }

  absl::Status Feed(absl::string_view input,
                    absl::Span<const std::byte> bytes) override {
    const auto known = inputs_.find(std::string(input));
    if (known == inputs_.end()) return absl::OkStatus();  // read by no call: no error
    for (const ProgramFeed& feed : program_->feeds) {
      if (feed.input != input) continue;
      TATAMI_RETURN_IF_ERROR(CheckSize(input, program_->FedType(feed), bytes));
    }
    known->second.bytes.assign(bytes.begin(), bytes.end());
    known->second.fed = true;
    return absl::OkStatus();
  }

  absl::Status Step() override {
    TATAMI_RETURN_IF_ERROR(TakeFeeds());
    for (size_t s = 0; s < transfers_.supersteps.size(); ++s) {
      WriteFeeds(s);
      TATAMI_RETURN_IF_ERROR(Exchange(static_cast<int>(s)));
      ComeTo(SuperstepPoint::kCompute, static_cast<int>(s));
      int64_t mark = absl::GetCurrentTimeNanos();
      pool_.Run(hosted_.end - hosted_.begin, [&](int64_t n) {
        for (NodeCompute& c : computes_[s][n]) {
          if (options_.time_calls) {
            c.RunTimed();
          } else {
            c.Run();
          }
        }
      });
      times_.compute_s += SecondsSince(mark);
    }
    WriteFeeds(transfers_.supersteps.size());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::byte>> ReadState(absl::string_view name) override {
    for (const ProgramState& state : program_->states) {
      if (state.name == name) return Read(state.buffer);
    }
    return absl::NotFoundError(absl::StrCat("the program has no state '", name, "'"));
  }

  absl::StatusOr<std::vector<std::byte>> Fetch(absl::string_view output) override {
    for (const ProgramFetch& fetch : program_->fetches) {
      if (fetch.output == output) return Read(fetch.buffer);
    }
    return absl::NotFoundError(
        absl::StrCat("the program has no output '", output, "'"));
  }

  const LinkBytes& link_bytes() const override { return links_.links(); }
  int64_t high_water_bytes() const override {
    int64_t highest = 0;
    for (const SramArena& arena : arenas_) {
      int64_t end = arena.bytes();
      while (end > highest && *arena.at(end - 1) == std::byte{kPoison}) --end;
      highest = std::max(highest, end);
    }
    return highest;
  }
  const StepTimes& times() const override { return times_; }
  const Program& program() const override { return *program_; }

  std::vector<CallTime> call_times() const override {
    std::vector<CallTime> out;
    if (!options_.time_calls) return out;
    for (const ProgramCall& call : program_->calls) {
      out.push_back({.call = call.name, .op = std::string(*call.call->op->name)});
    }
    for (const auto& superstep : computes_) {
      for (const auto& node : superstep) {
        for (const NodeCompute& c : node) out[c.call].seconds += c.ns * 1e-9;
      }
    }
    return out;
  }

 private:
  NodeCoord Coord(int64_t hosted) const {
    return NodeAt(hosted_.begin + hosted, program_->mesh);
  }
  std::byte* Data(int buffer, int64_t hosted) const {
    return sram_[hosted] + program_->Address(buffer, Coord(hosted));
  }

  // Every input must have been fed since the last step, which took them all.
  absl::Status TakeFeeds() {
    for (auto& [name, input] : inputs_) {
      if (!input.fed) {
        return absl::FailedPreconditionError(
            absl::StrCat("input '", name, "' was not fed"));
      }
    }
    for (auto& [name, input] : inputs_) input.fed = false;
    return absl::OkStatus();
  }

  // What the host has for this superstep, to the nodes that are to hold it.
  void WriteFeeds(size_t superstep) {
    const std::vector<DueFeed>& due = feeds_before_[superstep];
    if (due.empty()) return;
    int64_t mark = absl::GetCurrentTimeNanos();
    pool_.Run(hosted_.end - hosted_.begin, [&](int64_t n) {
      for (const DueFeed& d : due) {
        // Parts along dim 0 lie one behind the other.
        const int64_t size = program_->buffers[d.feed->buffer].type.bytes();
        WriteBox(d.feed->buffer, d.input->bytes.data() + d.feed->part.index * size, n);
      }
    });
    times_.exchange_s += SecondsSince(mark);
  }

  absl::Status CheckAddresses() const {
    for (size_t b = 0; b < program_->buffers.size(); ++b) {
      const ProgramBuffer& buffer = program_->buffers[b];
      if (buffer.storage < 0) continue;
      for (int64_t n = 0; n < hosted_.end - hosted_.begin; ++n) {
        const int64_t size = program_->BytesAt(static_cast<int>(b), Coord(n));
        if (size == 0) continue;
        const int64_t address = program_->Address(static_cast<int>(b), Coord(n));
        if (address < program_->code_bytes || address + size > program_->sram_bytes) {
          return absl::InternalError(absl::StrCat(buffer.name, " at ", address, " + ",
                                                  size, " is outside the node's SRAM"));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status PrepareKernels() {
    KernelCache cache;
    computes_.resize(program_->supersteps.size());
    for (size_t s = 0; s < program_->supersteps.size(); ++s) {
      computes_[s].resize(hosted_.end - hosted_.begin);
      for (const ComputeOp& c : program_->supersteps[s].computes) {
        const ProgramCall& call = program_->calls[c.call];
        const IndexRule rule = (*call.call->op->rule)(*call.call);
        for (int64_t n = 0; n < hosted_.end - hosted_.begin; ++n) {
          TATAMI_RETURN_IF_ERROR(
              PrepareCompute(c, call, rule, n, cache, computes_[s][n]),
              absl::StrCat("call ", call.name));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status PrepareCompute(const ComputeOp& c, const ProgramCall& call,
                              const IndexRule& rule, int64_t n, KernelCache& cache,
                              std::vector<NodeCompute>& out) const {
    const StageGrid grid = program_->stage_grid();
    if (grid.StageOf(Coord(n)) != program_->buffers[c.out].stage) {
      return absl::OkStatus();
    }
    Box factors;
    for (const DimPlacement& f : c.factors) {
      factors.push_back(f.FactorAt(grid.ToStage(Coord(n)), grid.stage_mesh()));
    }
    NodeCompute compute{.local = MakeLocalCall(call.call, rule, factors),
                        .call = c.call};
    if (IsEmpty(compute.local.out)) return absl::OkStatus();
    TATAMI_ASSIGN_OR_RETURN(compute.kernel, ChooseKernel(compute.local, cache));
    for (int in : c.in) compute.in.push_back(Data(in, n));
    compute.out = Data(c.out, n);
    out.push_back(std::move(compute));
    return absl::OkStatus();
  }

  absl::Status Exchange(int s) {
    SuperstepTransfers& t = transfers_.supersteps[s];
    ComeTo(SuperstepPoint::kExchange, s);
    int64_t mark = absl::GetCurrentTimeNanos();
    if (t.pattern >= 0) {
      pool_.Run(static_cast<int64_t>(t.packs.size()),
                [&](int64_t i) { t.packs[i].Run(); });
      TATAMI_RETURN_IF_ERROR(transport_.Start(t.pattern));
      times_.exchange_s += SecondsSince(mark);
      ComeTo(SuperstepPoint::kWait, s);
      const absl::Status arrived = transport_.Wait(t.pattern, options_.deadline);
      if (!arrived.ok()) return Annotate(arrived, Blame(s, SilentRanks(arrived)));
      times_.wait_s += SecondsSince(mark);
    } else {
      ComeTo(SuperstepPoint::kWait, s);
    }
    pool_.Run(static_cast<int64_t>(t.copies.size()), [&](int64_t n) {
      for (const Copy& c : t.copies[n]) c.Run();
    });
    times_.exchange_s += SecondsSince(mark);
    return absl::OkStatus();
  }

  void ComeTo(SuperstepPoint point, int superstep) const {
    if (options_.at_point) options_.at_point(point, superstep);
  }

  // "nodes (0,1) to (1,0)"
  std::string NodesOf(int rank) const {
    const Mesh& mesh = program_->mesh;
    const HostedNodes hosted = HostedNodes::Of(rank, transport_.size(), mesh.nodes());
    const NodeCoord first = NodeAt(hosted.begin, mesh);
    const NodeCoord last = NodeAt(hosted.end - 1, mesh);
    return absl::StrCat("nodes (", first.row, ",", first.col, ") to (", last.row, ",",
                        last.col, ")");
  }

  // "superstep 12 of 69, tensors trunk.conv.in, head.sum, rank 1 with nodes (0,1)
  // to (0,1)", for a message about silence.
  std::string Blame(int s, const std::vector<int>& silent) const {
    std::vector<std::string> names;
    for (const ExchangeOp& e : program_->supersteps[s].exchanges) {
      names.push_back(program_->buffers[e.to].name);
    }
    if (names.size() > 4) names.resize(4);
    std::string text =
        absl::StrCat("superstep ", s, " of ", program_->supersteps.size(), ", tensors ",
                     absl::StrJoin(names, ", "));
    for (const int rank : silent) {
      absl::StrAppend(&text, ", rank ", rank, " with ", NodesOf(rank));
    }
    return text;
  }

  static absl::Status CheckSize(absl::string_view name, const TensorType& type,
                                absl::Span<const std::byte> bytes) {
    if (static_cast<int64_t>(bytes.size()) == type.bytes()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", type.ToString(), ", ",
                                                   type.bytes(), " bytes; got ",
                                                   bytes.size()));
  }

  absl::Status Write(int buffer, absl::string_view name,
                     absl::Span<const std::byte> bytes) {
    TATAMI_RETURN_IF_ERROR(CheckSize(name, program_->buffers[buffer].type, bytes));
    for (int64_t n = 0; n < hosted_.end - hosted_.begin; ++n) {
      WriteBox(buffer, bytes.data(), n);
    }
    return absl::OkStatus();
  }

  // A hosted node's box of the tensor whose bytes these are.
  void WriteBox(int buffer, const std::byte* bytes, int64_t hosted) {
    const ProgramBuffer& b = program_->buffers[buffer];
    const std::optional<Box> box = program_->BoxAt(buffer, Coord(hosted));
    if (!box) return;
    CopyBox(*box, WholeBox(b.type.dims), bytes, *box, Data(buffer, hosted),
            ByteSize(b.type.dtype));
  }

  // True for the one node of the buffer's stage that speaks for its box: its digits on
  // unused axes are zero.
  bool SpeaksForBox(const ProgramBuffer& buffer, NodeCoord node) const {
    const StageGrid grid = program_->stage_grid();
    if (grid.StageOf(node) != buffer.stage) return false;
    const NodeCoord within = grid.ToStage(node);
    NodeCoord speaker{0, 0};
    for (const DimPlacement& d : buffer.placement.dims) {
      speaker = WithPart(d.axes, PartOf(d.axes, within, grid.stage_mesh()), speaker,
                         grid.stage_mesh());
    }
    return speaker == within;
  }

  absl::StatusOr<std::vector<std::byte>> Read(int buffer) {
    const ProgramBuffer& b = program_->buffers[buffer];
    std::vector<std::byte> mine;
    const int64_t element = ByteSize(b.type.dtype);
    for (int64_t n = 0; n < hosted_.end - hosted_.begin; ++n) {
      if (!SpeaksForBox(b, Coord(n))) continue;
      const std::byte* data = Data(buffer, n);
      mine.insert(mine.end(), data, data + program_->BytesAt(buffer, Coord(n)));
    }
    TATAMI_ASSIGN_OR_RETURN(const auto all, transport_.GatherToRoot(mine),
                            absl::StrCat("reading ", b.name));
    std::vector<std::byte> out;
    if (transport_.rank() != 0) return out;
    out.resize(b.type.bytes());
    const Box whole = WholeBox(b.type.dims);
    for (int r = 0; r < transport_.size(); ++r) {
      const HostedNodes hosted =
          HostedNodes::Of(r, transport_.size(), program_->mesh.nodes());
      const std::byte* from = all[r].data();
      for (int64_t n = hosted.begin; n < hosted.end; ++n) {
        const NodeCoord node = NodeAt(n, program_->mesh);
        if (!SpeaksForBox(b, node)) continue;
        const Box box = *program_->BoxAt(buffer, node);
        CopyBox(box, box, from, whole, out.data(), element);
        from += NumElements(box) * element;
      }
    }
    return out;
  }

  std::shared_ptr<const Program> program_;
  Transport& transport_;
  const EmulatorOptions options_;
  const HostedNodes hosted_;
  ThreadPool pool_;
  std::map<std::string, FedInput> inputs_;
  std::vector<std::vector<DueFeed>> feeds_before_;  // by superstep, and the end
  std::vector<SramArena> arenas_;                   // by hosted node
  std::vector<std::byte*> sram_;                    // by hosted node
  Transfers transfers_;
  std::vector<std::vector<std::vector<NodeCompute>>> computes_;  // superstep, node
  LinkCounter links_;
  StepTimes times_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Emulator>> Emulator::Create(
    std::shared_ptr<const Program> program, Transport& transport,
    EmulatorOptions options) {
  if (transport.size() > program->mesh.nodes()) {
    return MakeError(
        ErrorCode::kLaunch,
        absl::StrCat(transport.size(), " ranks cannot host ", program->mesh.nodes(),
                     " nodes; use --np ", program->mesh.nodes(), " or fewer"));
  }
  auto emulator =
      std::make_unique<EmulatorImpl>(std::move(program), transport, options);
  TATAMI_RETURN_IF_ERROR(emulator->Prepare());
  return emulator;
}

std::vector<std::byte> InitialState(const ProgramState& state, const TensorType& type,
                                    uint64_t seed) {
  const int64_t n = type.num_elements();
  std::vector<float> values(n, 0.0f);
  const uint64_t stream = StreamOf(state.name);
  for (int64_t i = 0; i < n; ++i) {
    switch (state.init.kind) {
      case Init::kZero:
        break;
      case Init::kConstant:
        values[i] = static_cast<float>(state.init.scale);
        break;
      case Init::kNormal:
        values[i] =
            static_cast<float>(state.init.scale * RandomNormal(seed, stream, i));
        break;
      case Init::kUniform:
        values[i] = static_cast<float>(state.init.scale *
                                       (2 * RandomUniform(seed, stream, i) - 1));
        break;
    }
  }
  std::vector<std::byte> bytes(type.bytes());
  StoreFromFloat(type.dtype, values.data(), n, bytes.data());
  return bytes;
}

}  // namespace tatami
