#include "tools/simulate/chakra_export.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "runtime/simulator/mesh_collective.h"
#include "runtime/simulator/node_time.h"
#include "tools/simulate/chakra_names.h"
#include "tools/simulate/chakra_ranks.h"
#include "tools/simulate/simulation_text.h"

namespace tatami {
namespace {

// Operations and bytes of operands.
struct Work {
  int64_t ops = 0, bytes = 0;
};

Work WorkAt(const Program& program, const Superstep& superstep, NodeCoord node) {
  Work out;
  for (const ComputeOp& compute : superstep.computes) {
    const OpCall& call = *program.calls[compute.call].call;
    const IndexRule rule = (*call.op->rule)(call);
    Dims extents;
    for (const DimPlacement& factor : compute.factors) {
      extents.push_back(factor.FactorAt(node, program.mesh).size());
    }
    const Box factors = MiddlePart(rule, extents);
    if (IsEmpty(factors)) continue;
    const OpCost cost = (*call.op->cost)(call, factors);
    out.ops += cost.matrix_flops + cost.vector_flops;
    const auto add = [&](const OperandRule& operand, const TensorType& type) {
      out.bytes +=
          NumElements(OperandBox(operand, factors, type.dims)) * ByteSize(type.dtype);
    };
    for (size_t i = 0; i < call.in.size(); ++i) add(rule.inputs[i], call.in[i]);
    add(rule.output, call.out);
  }
  return out;
}

// Whether each dimension of the network takes part: along a row first, as readers count
// from the innermost. Nothing where a part of an axis does: they have no word for it.
std::optional<std::vector<bool>> InvolvedDims(const AxisList& axes, const Mesh& mesh) {
  std::vector<bool> out = {false, false};
  for (const AxisRef& ref : axes) {
    if (!(ref == WholeAxis(mesh, ref.axis))) return std::nullopt;
    out[ref.axis == MeshAxis::kX ? 0 : 1] = true;
  }
  return out;
}

ChakraCollective CommType(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return ChakraCollective::kAllReduce;
    case CollectiveKind::kAllGather:
      return ChakraCollective::kAllGather;
    case CollectiveKind::kReduceScatter:
      return ChakraCollective::kReduceScatter;
  }
  return ChakraCollective::kAllReduce;
}

// Readers drop a node without bytes and divide by operations, so a node that is idle,
// or only moves bytes, has one of each: bytes over bandwidth is then its time.
void AddWork(ChakraAttributes& attributes, Work work) {
  const auto count = [](int64_t n) {
    return static_cast<uint64_t>(std::max<int64_t>(1, n));
  };
  attributes.push_back(ChakraAttribute::Uint(std::string(kNumOps), count(work.ops)));
  attributes.push_back(
      ChakraAttribute::Uint(std::string(kTensorSize), count(work.bytes)));
}

class Writer {
 public:
  Writer(const Program& program, const MachineSpec& machine, NodeCoord node)
      : program_(program), node_(node) {
    out_.attributes = {
        ChakraAttribute::String(std::string(kModel), program.model),
        ChakraAttribute::String(std::string(kMachine), machine.name),
        ChakraAttribute::String(std::string(kMesh), program.mesh.ToString())};
  }

  ChakraTrace Run(const StepTime& time) {
    for (const PhaseTime& phase : time.phases) {
      before_ = std::move(last_);
      last_.clear();
      if (phase.kind == PhaseKind::kCompute) {
        AddCompute(phase);
      } else {
        AddFeeds(phase);
        AddExchanges(phase);
      }
      now_ns_ += phase.ns;
    }
    return std::move(out_);
  }

 private:
  // A node that takes as long as the phase. What goes on in a phase goes on at once.
  ChakraAttributes& Add(ChakraNodeType type, const PhaseTime& phase, std::string name) {
    const uint64_t id = out_.nodes.size();
    last_.push_back(id);
    ChakraNode& node = out_.nodes.emplace_back();
    node.id = id;
    node.name = std::move(name);
    node.type = type;
    node.control_deps = before_;
    node.start_us = static_cast<uint64_t>(now_ns_ / 1e3);
    // Readers that go by it know no 0.
    node.duration_us = static_cast<uint64_t>(std::max(1.0, std::ceil(phase.ns / 1e3)));
    node.attributes = {ChakraAttribute::Bool(std::string(kIsCpuOp), false),
                       ChakraAttribute::Double(std::string(kExactNs), phase.ns),
                       ChakraAttribute::Int(std::string(kSuperstep), phase.superstep),
                       ChakraAttribute::String(
                           std::string(kPhase),
                           phase.kind == PhaseKind::kCompute ? "compute" : "exchange")};
    if (!phase.binding.empty()) {
      node.attributes.push_back(
          ChakraAttribute::String(std::string(kBinding), phase.binding));
    }
    return node.attributes;
  }

  void AddCompute(const PhaseTime& phase) {
    AddWork(Add(ChakraNodeType::kCompute, phase, PhaseName(program_, phase)),
            WorkAt(program_, program_.supersteps[phase.superstep], node_));
  }

  void AddFeeds(const PhaseTime& phase) {
    const int last = static_cast<int>(program_.supersteps.size()) - 1;
    for (const ProgramFeed& feed : program_.feeds) {
      if (std::min(feed.superstep, last) != phase.superstep) continue;
      const ProgramBuffer& buffer = program_.buffers[feed.buffer];
      const int64_t bytes = NumElements(buffer.placement.BoxAt(node_, program_.mesh)) *
                            ByteSize(buffer.type.dtype);
      if (bytes == 0) continue;
      Add(ChakraNodeType::kMemLoad, phase, buffer.name)
          .push_back(ChakraAttribute::Uint(std::string(kTensorSize),
                                           static_cast<uint64_t>(bytes)));
    }
  }

  void AddExchanges(const PhaseTime& phase) {
    int64_t taken = 0;  // by exchanges that are no collective
    std::string first;
    for (const ExchangeOp& op : program_.supersteps[phase.superstep].exchanges) {
      const Exchange exchange = ExchangeOf(program_, op);
      const std::string& name = program_.buffers[op.to].name;
      const auto collective = CollectiveOf(exchange, program_.mesh);
      if (!collective || !AddCollective(phase, *collective, name)) {
        taken += NumElements(exchange.to.BoxAt(node_, program_.mesh)) *
                 exchange.element_bytes;
        if (first.empty()) first = name;
      }
    }
    if (first.empty() && !last_.empty()) return;
    AddWork(Add(ChakraNodeType::kCompute, phase,
                absl::StrCat("exchange ", first.empty() ? "inputs" : first)),
            {.bytes = taken});
  }

  bool AddCollective(const PhaseTime& phase, const MeshCollective& collective,
                     const std::string& name) {
    auto dims = InvolvedDims(collective.axes, program_.mesh);
    if (!dims || collective.bytes == 0) return false;
    ChakraAttributes& attributes = Add(ChakraNodeType::kCollective, phase, name);
    attributes.push_back(ChakraAttribute::Int(
        std::string(kCommType), static_cast<int64_t>(CommType(collective.kind))));
    attributes.push_back(
        ChakraAttribute::Int(std::string(kCommSize), collective.bytes));
    attributes.push_back(
        ChakraAttribute::Bools(std::string(kInvolvedDim), *std::move(dims)));
    return true;
  }

  const Program& program_;
  const NodeCoord node_;
  std::vector<uint64_t> before_, last_;  // nodes of the phase before, and of this one
  double now_ns_ = 0;
  ChakraTrace out_;
};

// Runs of ranks whose class has this trace.
std::vector<std::pair<int64_t, int64_t>> RunsOf(
    const Program& program, const std::vector<size_t>& trace_of_class, size_t trace) {
  std::vector<std::pair<int64_t, int64_t>> runs;
  const auto nodes = static_cast<int64_t>(program.class_of_node.size());
  for (int64_t n = 0; n < nodes; ++n) {
    if (trace_of_class[program.class_of_node[n]] != trace) continue;
    if (!runs.empty() && runs.back().second == n - 1) {
      runs.back().second = n;
    } else {
      runs.emplace_back(n, n);
    }
  }
  return runs;
}

}  // namespace

ChakraTrace ChakraTraceOf(const Program& program, const Simulation& simulation,
                          const NodeClass& node_class) {
  return Writer(program, simulation.machine, node_class.example).Run(simulation.time);
}

std::vector<NamedFile> ChakraFiles(const Program& program,
                                   const Simulation& simulation) {
  std::vector<NamedFile> files;
  std::map<std::string, size_t> known;  // trace by its bytes
  std::vector<size_t> trace_of_class;
  for (const NodeClass& c : program.classes) {
    std::string bytes = SerializeChakra(ChakraTraceOf(program, simulation, c));
    const auto [it, added] = known.emplace(std::move(bytes), files.size());
    trace_of_class.push_back(it->second);
    if (!added) continue;
    const int64_t rank = NodeIndex(c.example, program.mesh);
    files.push_back({absl::StrCat("step.", rank, ".et"), it->first});
  }
  RankMap map{.mesh = program.mesh};
  for (size_t t = 0; t < files.size(); ++t) {
    map.traces.push_back({files[t].name, RunsOf(program, trace_of_class, t)});
  }
  files.push_back({std::string(kRanksFile), RankMapText(map)});
  return files;
}

}  // namespace tatami
