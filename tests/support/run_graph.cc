#include "tests/support/run_graph.h"

#include <cmath>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "compiler/lower/lower.h"
#include "compiler/verify.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/emulator/emulator.h"

namespace tatami::testing {
namespace {

absl::Status RunRank(std::shared_ptr<const Program> program, Transport& transport,
                     const std::map<std::string, Bytes>& values,
                     const RunOptions& options, RunResult& result, LinkBytes& links,
                     int64_t& high_water) {
  TATAMI_ASSIGN_OR_RETURN(const auto emulator,
                          Emulator::Create(program, transport,
                                           {.threads = options.threads,
                                            .deadline = absl::Seconds(60),
                                            .poison_sram = true,
                                            .count_links = true}));
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
  high_water = emulator->high_water_bytes();
  return absl::OkStatus();
}

// The type that a fetched or persistent tensor has.
DType TypeOf(const Program& program, const std::string& name) {
  for (const ProgramFetch& f : program.fetches) {
    if (f.output == name) return program.buffers[f.buffer].type.dtype;
  }
  for (const ProgramState& s : program.states) {
    if (s.name == name) return program.buffers[s.buffer].type.dtype;
  }
  return DType::kF32;
}

std::string FindDifference(const std::string& name, DType dtype, const Bytes& got,
                           const Bytes& want) {
  if (got.size() != want.size()) return absl::StrCat(name, " has another size");
  const int64_t size = ByteSize(dtype);
  const int64_t n = static_cast<int64_t>(want.size()) / size;
  std::vector<float> g(n), w(n);
  LoadAsFloat(dtype, got.data(), n, g.data());
  LoadAsFloat(dtype, want.data(), n, w.data());
  for (int64_t i = 0; i < n; ++i) {
    if (std::isnan(w[i]))
      return absl::StrCat(name, " element ", i, " is wanted as NaN");
    // As stored: f32 does not tell all i32 apart.
    if (std::memcmp(got.data() + i * size, want.data() + i * size, size) != 0) {
      return absl::StrCat(name, " element ", i, " of ", n, " is ", g[i], ", wanted ",
                          w[i]);
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<Program> LowerOnMesh(const Graph& graph, const Plan& plan,
                                    const LiveMesh* live) {
  LowerTarget target = {
      .machine = "test", .sram_bytes = int64_t{1} << 40, .code_bytes = 4096};
  if (live != nullptr && !live->IsWhole()) {
    TATAMI_ASSIGN_OR_RETURN(target.site, LayMesh(*live, plan.mesh));
  }
  TATAMI_ASSIGN_OR_RETURN(Program program, Lower(graph, plan, target));
  program.sram_bytes = program.peak_bytes();
  TATAMI_RETURN_IF_ERROR(VerifyProgram(program));
  return program;
}

absl::StatusOr<RunResult> RunProgram(const Program& program,
                                     const std::map<std::string, Bytes>& values,
                                     const RunOptions& options) {
  const auto shared = std::make_shared<const Program>(program);
  auto transports = MakeInProcessTransports(options.ranks, options.transport);
  if (options.wrap_transport) {
    for (auto& t : transports) t = options.wrap_transport(std::move(t));
  }
  RunResult result{.link_bytes = LinkBytes(program.grid()), .program = program};
  std::vector<absl::Status> statuses(options.ranks);
  std::vector<LinkBytes> links(options.ranks, LinkBytes(program.grid()));
  std::vector<int64_t> high_water(options.ranks, 0);
  std::vector<std::thread> threads;
  for (int r = 0; r < options.ranks; ++r) {
    threads.emplace_back([&, r] {
      statuses[r] = RunRank(shared, *transports[r], values, options, result, links[r],
                            high_water[r]);
    });
  }
  for (std::thread& t : threads) t.join();
  for (int r = 0; r < options.ranks; ++r) {
    TATAMI_RETURN_IF_ERROR(statuses[r]);
    result.link_bytes.Add(links[r]);
    result.high_water_bytes = std::max(result.high_water_bytes, high_water[r]);
  }
  result.high_water_of_rank = std::move(high_water);
  return result;
}

absl::StatusOr<RunResult> RunOnMesh(const Graph& graph, const Plan& plan,
                                    const std::map<std::string, Bytes>& values,
                                    const RunOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(const Program program, LowerOnMesh(graph, plan));
  return RunProgram(program, values, options);
}

std::string FindDifference(const RunResult& got, const RunResult& want) {
  for (const auto& [name, bytes] : want.outputs) {
    const std::string difference =
        FindDifference(name, TypeOf(want.program, name), got.outputs.at(name), bytes);
    if (!difference.empty()) return difference;
  }
  for (const auto& [name, bytes] : want.states) {
    const std::string difference =
        FindDifference(name, TypeOf(want.program, name), got.states.at(name), bytes);
    if (!difference.empty()) return difference;
  }
  return "";
}

std::map<std::string, Bytes> DrawValues(const Graph& graph, uint64_t seed,
                                        int64_t range, double scale, int64_t labels) {
  std::map<std::string, Bytes> out;
  for (const GraphValue& v : graph.values) {
    if (v.kind == ValueKind::kComputed) continue;
    const bool label = v.type.dtype == DType::kI32;
    // Of an input in parts: all of what is fed.
    const std::string& name = v.kind == ValueKind::kInput ? v.fed_as : v.name;
    const TensorType type = v.part.WholeOf(v.type);
    std::vector<float> x(type.num_elements());
    for (size_t i = 0; i < x.size(); ++i) {
      const uint64_t bits = RandomBits(seed, StreamOf(name), i);
      const int64_t n = label ? labels : 2 * range + 1;
      const auto whole = static_cast<int64_t>(bits % static_cast<uint64_t>(n));
      x[i] = static_cast<float>(label ? whole : (whole - range) / scale);
    }
    Bytes bytes(type.bytes());
    StoreFromFloat(type.dtype, x.data(), static_cast<int64_t>(x.size()), bytes.data());
    out[name] = std::move(bytes);
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
    plan.calls[graph.calls[c].name].cuts = cuts;
  }
  return plan;
}

}  // namespace tatami::testing
