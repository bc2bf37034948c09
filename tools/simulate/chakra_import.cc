#include "tools/simulate/chakra_import.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/machine.h"
#include "core/proto/chakra.h"
#include "core/status_macros.h"
#include "runtime/simulator/ring_collectives.h"
#include "tools/simulate/chakra_names.h"
#include "tools/simulate/chakra_ranks.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;

const std::set<absl::string_view>& KnownAttributes() {
  static const auto* const kKnown = new std::set<absl::string_view>{
      kIsCpuOp,     kNumOps,  kTensorSize, kCommType, kCommSize,
      kInvolvedDim, kExactNs, kSuperstep,  kPhase,    kBinding};
  return *kKnown;
}

absl::StatusOr<std::string> ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  // An empty file leaves nothing to copy, which is no failure to read it.
  if (!file || (file.peek() != EOF && !(bytes << file.rdbuf()))) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("cannot read '", path.string(),
                                  "'. Write traces with `tatami simulate --chakra "
                                  "FOLDER`."));
  }
  return std::move(bytes).str();
}

struct TraceFiles {
  std::vector<std::string> names;
  Mesh mesh;  // of the ranks; without a map they are one row
};

absl::StatusOr<TraceFiles> FindTraces(const fs::path& folder) {
  TraceFiles out;
  std::error_code error;
  const fs::path map = folder / std::string(kRanksFile);
  if (fs::exists(map, error)) {
    TATAMI_ASSIGN_OR_RETURN(const std::string text, ReadBytes(map));
    TATAMI_ASSIGN_OR_RETURN(const RankMap ranks, ParseRankMap(text, map.string()));
    for (const RanksOfTrace& trace : ranks.traces) out.names.push_back(trace.file);
    out.mesh = ranks.mesh;
    return out;
  }
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".et") {
      out.names.push_back(it->path().filename().string());
    }
  }
  if (out.names.empty()) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no Chakra traces (*.et) in '", folder.string(),
                                  "'. Write some with `tatami simulate --chakra "
                                  "FOLDER`."));
  }
  std::sort(out.names.begin(), out.names.end());
  out.mesh.cols = static_cast<int64_t>(out.names.size());
  return out;
}

std::optional<RingCollective> RingCollectiveOf(int64_t comm_type) {
  switch (static_cast<ChakraCollective>(comm_type)) {
    case ChakraCollective::kAllReduce:
      return RingCollective::kAllReduce;
    case ChakraCollective::kAllGather:
      return RingCollective::kAllGather;
    case ChakraCollective::kAllToAll:
      return RingCollective::kAllToAll;
    case ChakraCollective::kReduceScatter:
      return RingCollective::kReduceScatter;
  }
  return std::nullopt;
}

class Timer {
 public:
  Timer(std::optional<MachineSpec> machine, const Mesh& mesh, ChakraStep& step)
      : machine_(std::move(machine)), mesh_(mesh), step_(step) {}

  // Adds what it reads to the step. The time when the last node ends.
  absl::StatusOr<double> Run(const ChakraTrace& trace, const std::string& source) {
    TATAMI_RETURN_IF_ERROR(ReadOrigin(trace));
    absl::flat_hash_map<uint64_t, double> end_ns;
    double unit_free_ns = 0, last_ns = 0;
    for (const ChakraNode& node : trace.nodes) {
      TATAMI_ASSIGN_OR_RETURN(const double ns, NodeNs(node), source);
      double start_ns = 0;
      for (const auto* deps : {&node.control_deps, &node.data_deps}) {
        for (const uint64_t id : *deps) start_ns = std::max(start_ns, end_ns[id]);
      }
      const bool computes = node.type == ChakraNodeType::kCompute;
      if (computes) start_ns = std::max(start_ns, unit_free_ns);
      const double end = start_ns + ns;
      if (computes) unit_free_ns = end;
      end_ns[node.id] = end;
      last_ns = std::max(last_ns, end);
      CountAttributes(node);
    }
    step_.nodes += static_cast<int64_t>(trace.nodes.size());
    return last_ns;
  }

 private:
  absl::Status ReadOrigin(const ChakraTrace& trace) {
    const auto model = StringOf(trace.attributes, kModel);
    const auto machine = StringOf(trace.attributes, kMachine);
    if (model) step_.model = *model;
    if (machine && machine_ && machine_->name != *machine) {
      return MakeError(
          ErrorCode::kBadFlag,
          absl::StrCat("--machine ", machine_->name, " does not go with traces of ",
                       *machine,
                       ": they keep times, not what those come of. Simulate the model "
                       "again with --machine ",
                       machine_->name, "."));
    }
    if (machine) step_.machine = *machine;
    return absl::OkStatus();
  }

  void CountAttributes(const ChakraNode& node) {
    for (const ChakraAttribute& attribute : node.attributes) {
      if (KnownAttributes().contains(attribute.name)) continue;
      ++step_.other_attributes[attribute.name];
    }
  }

  absl::Status Refuse(const ChakraNode& node, absl::string_view why) const {
    return MakeError(
        ErrorCode::kDataUnreadable,
        absl::StrCat("cannot time node ", node.id, " (", ChakraNodeTypeName(node.type),
                     " '", node.name, "'): ", why));
  }

  absl::StatusOr<double> NodeNs(const ChakraNode& node) {
    if (FindAttribute(node.attributes, kExactNs) != nullptr) {
      const auto exact = DoubleOf(node.attributes, kExactNs);
      if (!exact || !std::isfinite(*exact) || *exact < 0) {
        return Refuse(node, absl::StrCat(kExactNs, " is no time. Write it again."));
      }
      ++step_.exact_nodes;
      return *exact;
    }
    switch (node.type) {
      case ChakraNodeType::kInvalid:
      case ChakraNodeType::kMetadata:
        return 0.0;
      case ChakraNodeType::kCompute:
        return ComputeNs(node);
      case ChakraNodeType::kCollective:
        return CollectiveNs(node);
      default:
        return Refuse(node,
                      "of other writers' traces, computes and collectives alone are "
                      "timed. Give the node its time as the double "
                      "tatami.duration_ns.");
    }
  }

  absl::Status NeedMachine(const ChakraNode& node) const {
    if (machine_) return absl::OkStatus();
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("node ", node.id, " '", node.name, "' says what it ",
                                  "does and not for how long. Name the machine with "
                                  "--machine."));
  }

  // The dimensions of the mesh that take part, along a row first; all where the node
  // does not say, and nothing for more.
  std::vector<RingDimension> RingsOf(const ChakraNode& node) const {
    std::vector<bool> in = {true, true};
    const ChakraAttribute* involved = FindAttribute(node.attributes, kInvolvedDim);
    if (involved != nullptr && involved->kind == ChakraKind::kBools) {
      const auto& dims = std::get<std::vector<bool>>(involved->value);
      for (size_t d = 0; d < std::min(dims.size(), in.size()); ++d) in[d] = dims[d];
    }
    std::vector<RingDimension> rings;
    if (in[0] && mesh_.cols > 1) rings.push_back({.nodes = mesh_.cols});
    if (in[1] && mesh_.rows > 1) rings.push_back({.nodes = mesh_.rows});
    return rings;
  }

  // By the ring algorithm, as if rows and columns were rings.
  absl::StatusOr<double> CollectiveNs(const ChakraNode& node) {
    constexpr int64_t kBytesMax = int64_t{1} << 50;  // of all ranks together
    const auto type = CountOf(node.attributes, kCommType);
    const auto bytes = CountOf(node.attributes, kCommSize);
    const auto collective = type ? RingCollectiveOf(*type) : std::nullopt;
    if (!collective || !bytes || *bytes < 1 || *bytes > kBytesMax / mesh_.nodes()) {
      return Refuse(
          node, absl::StrCat("of collectives, all-reduce (comm_type 0), all-gather "
                             "(2), all-to-all (6) and reduce-scatter (7) are timed, "
                             "of comm_size 1 to ",
                             kBytesMax / mesh_.nodes(),
                             " bytes. Give the node its time as the double "
                             "tatami.duration_ns."));
    }
    if (FindAttribute(node.attributes, kProcessGroup) != nullptr) {
      return Refuse(node,
                    "it is of a process group (pg_name), whose ranks are not known "
                    "here. Give the node its time as the double tatami.duration_ns.");
    }
    TATAMI_RETURN_IF_ERROR(NeedMachine(node));
    ++step_.modelled_nodes;
    const std::vector<RingDimension> rings = RingsOf(node);
    if (rings.empty()) return machine_->superstep_start_ns;  // a rank alone
    const RingRates rates{
        .link_bytes_per_ns = machine_->link_bytes_per_s * 1e-9,
        .link_latency_ns = static_cast<int64_t>(std::ceil(machine_->hop_ns)),
        .memory_bytes_per_ns =
            std::max<int64_t>(1, std::llround(SramLoadBytesPerS(*machine_) * 1e-9))};
    TATAMI_ASSIGN_OR_RETURN(const int64_t ns,
                            RingCollectiveNs(*collective, rings, *bytes, rates));
    return machine_->superstep_start_ns + static_cast<double>(ns);
  }

  absl::StatusOr<double> ComputeNs(const ChakraNode& node) {
    const ChakraAttribute* cpu = FindAttribute(node.attributes, kIsCpuOp);
    const bool on_host = cpu != nullptr && cpu->value == ChakraValue(true);
    const int64_t ops = CountOf(node.attributes, kNumOps).value_or(0);
    const int64_t bytes = CountOf(node.attributes, kTensorSize).value_or(0);
    if (on_host || ops <= 0 || bytes <= 0) {
      if (node.duration_us == 0) {
        return Refuse(node,
                      "it has neither num_ops and tensor_size above 0 nor a duration. "
                      "Give it one of them.");
      }
      ++step_.replayed_nodes;
      return static_cast<double>(node.duration_us) * 1e3;
    }
    TATAMI_RETURN_IF_ERROR(NeedMachine(node));
    ++step_.modelled_nodes;
    const double work_s =
        std::max(static_cast<double>(ops) / machine_->matrix_flops_per_s,
                 static_cast<double>(bytes) / SramLoadBytesPerS(*machine_));
    return machine_->call_start_ns + work_s * 1e9;
  }

  const std::optional<MachineSpec> machine_;
  const Mesh mesh_;
  ChakraStep& step_;
};

}  // namespace

absl::StatusOr<ChakraStep> TimeOfChakra(const std::string& folder,
                                        const std::string& machine) {
  std::optional<MachineSpec> spec;
  if (!machine.empty()) {
    TATAMI_ASSIGN_OR_RETURN(spec, LoadMachine(machine));
  }
  TATAMI_ASSIGN_OR_RETURN(const TraceFiles files, FindTraces(folder));
  ChakraStep step{.machine = spec ? spec->name : "",
                  .ranks = files.mesh.nodes(),
                  .traces = static_cast<int64_t>(files.names.size())};
  Timer timer(std::move(spec), files.mesh, step);
  for (const std::string& name : files.names) {
    const fs::path path = fs::path(folder) / name;
    TATAMI_ASSIGN_OR_RETURN(const std::string bytes, ReadBytes(path));
    TATAMI_ASSIGN_OR_RETURN(const ChakraTrace trace, ParseChakra(bytes, path.string()));
    TATAMI_ASSIGN_OR_RETURN(const double ns, timer.Run(trace, path.string()));
    step.step_ns = std::max(step.step_ns, ns);
  }
  return step;
}

std::string ChakraText(const ChakraStep& step) {
  std::string out = absl::StrFormat(
      "%s on %s: %.6g us a step (modelled), read from Chakra traces\n"
      "  %d ranks, %d traces, %d nodes\n"
      "  times: %d exact, %d in whole microseconds, %d of the machine\n",
      step.model.empty() ? "a model" : step.model,
      step.machine.empty() ? "a machine" : step.machine, step.step_ns / 1e3, step.ranks,
      step.traces, step.nodes, step.exact_nodes, step.replayed_nodes,
      step.modelled_nodes);
  if (!step.other_attributes.empty()) out += "attributes that are not read (nodes)\n";
  for (const auto& [name, nodes] : step.other_attributes) {
    absl::StrAppend(&out, absl::StrFormat("  %s (%d)\n", name, nodes));
  }
  return out;
}

}  // namespace tatami
