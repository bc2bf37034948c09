#include "tests/support/run_graph.h"

#include <cstring>
#include <thread>

#include "compiler/lower/lower.h"
#include "compiler/verify.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/emulator/emulator.h"

namespace tatami::testing {
namespace {

absl::Status RunRank(std::shared_ptr<const Program> program, Transport& transport,
                     const std::map<std::string, Bytes>& values,
                     const RunOptions& options, RunResult& result, LinkBytes& links) {
  TATAMI_ASSIGN_OR_RETURN(
      const auto emulator,
      Emulator::Create(program, transport,
                       {.threads = options.threads, .deadline = absl::Seconds(20)}));
  for (const ProgramState& state : program->states) {
    TATAMI_RETURN_IF_ERROR(emulator->WriteState(state.name, values.at(state.name)));
  }
  for (int step = 0; step < options.steps; ++step) {
    for (const ProgramFeed& feed : program->feeds) {
      TATAMI_RETURN_IF_ERROR(emulator->Feed(feed.input, values.at(feed.input)));
    }
    TATAMI_RETURN_IF_ERROR(emulator->Step());
  }
  for (const ProgramFetch& fetch : program->fetches) {
    TATAMI_ASSIGN_OR_RETURN(Bytes bytes, emulator->Fetch(fetch.output));
    if (transport.rank() == 0) result.outputs[fetch.output] = std::move(bytes);
  }
  for (const ProgramState& state : program->states) {
    TATAMI_ASSIGN_OR_RETURN(Bytes bytes, emulator->ReadState(state.name));
    if (transport.rank() == 0) result.states[state.name] = std::move(bytes);
  }
  links = emulator->link_bytes();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunResult> RunOnMesh(const Graph& graph, const Plan& plan,
                                    const std::map<std::string, Bytes>& values,
                                    const RunOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(
      Program lowered,
      Lower(graph, plan,
            {.machine = "test", .sram_bytes = options.sram_bytes, .code_bytes = 4096}));
  TATAMI_RETURN_IF_ERROR(VerifyProgram(lowered));
  const auto program = std::make_shared<const Program>(std::move(lowered));
  auto transports = MakeInProcessTransports(options.ranks, options.transport);
  RunResult result{.link_bytes = LinkBytes(plan.mesh), .program = *program};
  std::vector<absl::Status> statuses(options.ranks);
  std::vector<LinkBytes> links(options.ranks, LinkBytes(plan.mesh));
  std::vector<std::thread> threads;
  for (int r = 0; r < options.ranks; ++r) {
    threads.emplace_back([&, r] {
      statuses[r] = RunRank(program, *transports[r], values, options, result, links[r]);
    });
  }
  for (std::thread& t : threads) t.join();
  for (int r = 0; r < options.ranks; ++r) {
    TATAMI_RETURN_IF_ERROR(statuses[r]);
    result.link_bytes.Add(links[r]);
  }
  return result;
}

std::map<std::string, Bytes> DrawValues(const Graph& graph, uint64_t seed,
                                        int64_t range, double scale, int64_t labels) {
  std::map<std::string, Bytes> out;
  for (const GraphValue& v : graph.values) {
    if (v.kind == ValueKind::kComputed) continue;
    const bool label = v.type.dtype == DType::kI32;
    std::vector<float> x(v.type.num_elements());
    for (size_t i = 0; i < x.size(); ++i) {
      const uint64_t bits = RandomBits(seed, StreamOf(v.name), i);
      const int64_t n = label ? labels : 2 * range + 1;
      const auto whole = static_cast<int64_t>(bits % static_cast<uint64_t>(n));
      x[i] = static_cast<float>(label ? whole : (whole - range) / scale);
    }
    Bytes bytes(v.type.bytes());
    StoreFromFloat(v.type.dtype, x.data(), static_cast<int64_t>(x.size()),
                   bytes.data());
    out[v.name] = std::move(bytes);
  }
  return out;
}

std::vector<float> AsFloats(const Bytes& bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

Plan RandomPlan(const Graph& graph, const Mesh& mesh, uint64_t seed) {
  Plan plan{.mesh = mesh};
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    const OpCall call = graph.CallOf(static_cast<int>(c));
    const IndexRule rule = (*call.op->rule)(call);
    Cuts cuts;
    for (const MeshAxis axis : {MeshAxis::kY, MeshAxis::kX}) {
      if (AxisSize(mesh, axis) == 1) continue;
      const uint64_t bits =
          RandomBits(seed, StreamOf(graph.calls[c].name), static_cast<uint64_t>(axis));
      const uint64_t f = bits % (rule.factors.size() + 1);  // the last: not cut
      if (f == rule.factors.size() || rule.factors[f].kind == FactorKind::kWhole)
        continue;
      AxisList& list = cuts[rule.factors[f].name];
      list.push_back(WholeAxis(mesh, axis));
      if (rule.factors[f].kind == FactorKind::kReduce &&
          Parts(list) > rule.factors[f].size) {
        list.pop_back();
      }
    }
    plan.calls[graph.calls[c].name] = cuts;
  }
  return plan;
}

}  // namespace tatami::testing
