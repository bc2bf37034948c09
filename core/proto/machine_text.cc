#include "core/proto/machine_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/proto/machine.pb.h"
#include "core/status_macros.h"

namespace tatami::internal_machine {
namespace {

constexpr int kBaseDepthMax = 8;  // A longer chain of bases is taken for a cycle.

// The text between the n-th pair of double quotes, or "".
std::string Quoted(const std::string& message, int n) {
  const std::vector<std::string> parts = absl::StrSplit(message, '"');
  const size_t index = 2 * n + 1;
  return index < parts.size() ? parts[index] : "";
}

// Keeps the first error; later ones follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(absl::string_view source) : source_(source) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!status_.ok()) return;
    // protobuf counts from 0, and its message has no structure to read.
    const std::string where =
        absl::StrCat(source_, ":", line + 1, ":", column + 1, ": ");
    std::string what = message;
    if (absl::StrContains(message, "has no field named")) {
      what = UnknownField(Quoted(message, 0), Quoted(message, 1));
    }
    status_ = MakeError(ErrorCode::kUnknownField, absl::StrCat(where, what));
  }

  const absl::Status& status() const { return status_; }

 private:
  static std::string UnknownField(const std::string& type, const std::string& field) {
    const auto* const descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
    std::vector<std::string> known;
    for (int i = 0; descriptor != nullptr && i < descriptor->field_count(); ++i) {
      known.push_back(descriptor->field(i)->name());
    }
    const std::string nearest = NearestName(field, known);
    return absl::StrCat("no field '", field, "' in a machine file",
                        nearest.empty() ? "" : "; ", nearest,
                        " Fields here: ", absl::StrJoin(known, ", "), ".");
  }

  absl::string_view source_;
  absl::Status status_;
};

absl::StatusOr<proto::Machine> ParseMerged(absl::string_view text,
                                           absl::string_view source, int depth) {
  if (depth > kBaseDepthMax) {
    return MakeError(ErrorCode::kUnknownField,
                     absl::StrCat(source, ": more than ", kBaseDepthMax,
                                  " bases one upon another; a base may not lead back "
                                  "to its own machine."));
  }
  proto::Machine own;
  FirstError errors(source);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(std::string(text), &own)) {
    if (!errors.status().ok()) return errors.status();
    return MakeError(ErrorCode::kUnknownField,
                     absl::StrCat(source, ": not a machine text-proto."));
  }
  if (!own.has_base()) return own;
  std::vector<std::string> known;
  for (const EmbeddedMachine& base : EmbeddedMachines()) {
    known.emplace_back(base.name);
    if (base.name != own.base()) continue;
    TATAMI_ASSIGN_OR_RETURN(
        proto::Machine merged,
        ParseMerged(base.text, absl::StrCat(base.name, ".textproto"), depth + 1));
    merged.MergeFrom(own);
    return merged;
  }
  return MakeError(
      ErrorCode::kUnknownMachine,
      absl::StrCat(source, ": base '", own.base(), "' is not a machine compiled in; ",
                   NearestName(own.base(), known),
                   " Known: ", absl::StrJoin(known, ", "), "."));
}

// The number that `path` names, "clock_hz" or "dram.access_ns": the message that holds
// it and its field. Fails when there is none.
struct Number {
  google::protobuf::Message* message;
  const google::protobuf::FieldDescriptor* field;

  double Get() const {
    const auto* const reflection = message->GetReflection();
    return field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE
               ? reflection->GetDouble(*message, field)
               : static_cast<double>(reflection->GetInt64(*message, field));
  }
  void Set(double value) const {
    const auto* const reflection = message->GetReflection();
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE) {
      reflection->SetDouble(message, field, value);
    } else {
      reflection->SetInt64(message, field, std::llround(value));
    }
  }
};

absl::StatusOr<Number> FindNumber(absl::string_view path, absl::string_view source,
                                  proto::Machine& m) {
  google::protobuf::Message* message = &m;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const auto* const field = message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr || field->is_repeated()) {
      std::vector<std::string> known;
      for (int f = 0; f < message->GetDescriptor()->field_count(); ++f) {
        known.push_back(message->GetDescriptor()->field(f)->name());
      }
      return MakeError(
          ErrorCode::kUnknownField,
          absl::StrCat(source, ": '", path, "' is no number of a machine; ",
                       NearestName(names[i], known),
                       " Fields here: ", absl::StrJoin(known, ", "), "."));
    }
    const bool last = i + 1 == names.size();
    const auto type = field->cpp_type();
    if (last && (type == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE ||
                 type == google::protobuf::FieldDescriptor::CPPTYPE_INT64)) {
      return Number{message, field};
    }
    if (last || type != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) break;
    message = message->GetReflection()->MutableMessage(message, field);
  }
  return MakeError(
      ErrorCode::kUnknownField,
      absl::StrCat(source, ": '", path, "' is no number of a machine, as clock_hz or ",
                   "dram.access_ns are."));
}

// The ranges of the fields that nobody knows, the latest of each.
absl::StatusOr<std::vector<UnknownField>> UnknownsOf(proto::Machine& m,
                                                     absl::string_view source) {
  std::vector<UnknownField> out;
  for (const proto::UnknownField& u : m.unknown()) {
    TATAMI_ASSIGN_OR_RETURN(const Number number, FindNumber(u.field(), source, m));
    if (!(std::isfinite(u.low()) && std::isfinite(u.high()) && u.low() < u.high()) ||
        u.source().empty()) {
      return MakeError(
          ErrorCode::kUnknownField,
          absl::StrCat(source, ": unknown field ", u.field(), " may be ", u.low(),
                       " to ", u.high(), "; it needs low below high and a source."));
    }
    const UnknownField field{.field = u.field(),
                             .value = number.Get(),
                             .low = u.low(),
                             .high = u.high(),
                             .source = u.source()};
    const auto earlier = std::find_if(
        out.begin(), out.end(), [&](const auto& o) { return o.field == field.field; });
    if (earlier == out.end()) {
      out.push_back(field);
    } else {
      *earlier = field;
    }
  }
  return out;
}

Grid FromProto(const proto::Grid& grid) { return {grid.rows(), grid.cols()}; }

MachineSpec FromProto(const proto::Machine& m) {
  MachineSpec spec;
  spec.name = m.name();
  spec.summary = m.summary();
  spec.die_nodes = FromProto(m.die_nodes());
  spec.die_nodes_usable = m.die_nodes_usable();
  spec.die_logical_nodes = FromProto(m.die_logical_nodes());
  if (m.has_tile_dies()) spec.tile_dies = FromProto(m.tile_dies());
  if (m.has_tiles()) spec.tiles = FromProto(m.tiles());
  spec.any_rectangle = m.any_rectangle();
  spec.baseline = m.baseline();
  spec.clock_hz = m.clock_hz();
  spec.sram_bytes = m.sram_bytes();
  spec.code_bytes_reserved = m.code_bytes_reserved();
  spec.matrix_flops_per_s = m.matrix_flops_per_cycle() * m.clock_hz();
  spec.vector_flops_per_s = m.vector_flops_per_cycle() * m.clock_hz();
  spec.vector_bytes = m.vector_bytes();
  spec.sram_load_ports = m.sram_load_ports();
  spec.sram_store_ports = m.sram_store_ports();
  spec.sram_port_bytes = m.sram_port_bytes();
  spec.mesh_port_bytes =
      m.has_mesh_port_bytes() ? m.mesh_port_bytes() : m.sram_port_bytes();
  spec.packet_bytes = m.packet_bytes();
  spec.link_bytes_per_s = m.link_packets_per_cycle() * m.packet_bytes() * m.clock_hz();
  spec.hop_ns = m.hop_cycles() / m.clock_hz() * 1e9;
  spec.die_edge_bytes_per_s = m.die_edge_bytes_per_s();
  spec.die_crossing_ns = m.die_crossing_ns();
  spec.tile_edge_bytes_per_s = m.tile_edge_bytes_per_s();
  spec.tile_crossing_ns = m.tile_crossing_ns();
  spec.dram = {.cards = m.dram().cards(),
               .card_bytes = m.dram().card_bytes(),
               .card_bytes_per_s = m.dram().card_bytes_per_s(),
               .link_bytes_per_s = m.dram().link_bytes_per_s(),
               .access_ns = m.dram().access_ns(),
               .ethernet_bytes_per_s = m.dram().ethernet_bytes_per_s(),
               .pcie_bytes_per_s = m.dram().pcie_bytes_per_s()};
  if (m.has_pacing()) spec.pacing = m.pacing();
  spec.superstep_start_ns = m.superstep_start_ns();
  spec.call_start_ns = m.call_start_ns();
  if (m.has_matrix_unit_rows()) spec.matrix_unit_rows = m.matrix_unit_rows();
  if (m.has_matrix_unit_cols()) spec.matrix_unit_cols = m.matrix_unit_cols();
  if (m.has_matrix_unit_depth()) spec.matrix_unit_depth = m.matrix_unit_depth();
  return spec;
}

// Fills the node grid and the SRAM of a machine that takes them from the host.
absl::Status ApplyHost(const proto::HostProbe& probe, const HostFacts& host,
                       absl::string_view source, proto::Machine& m) {
  if (!(probe.memory_share() > 0 && probe.memory_share() <= 1)) {
    return MakeError(
        ErrorCode::kUnknownField,
        absl::StrCat(source, ": host_probe.memory_share is ", probe.memory_share(),
                     "; it must be above 0 and at "
                     "most 1."));
  }
  if (host.cores < 1 || host.memory_bytes < 1) {
    return MakeError(ErrorCode::kUnknownMachine,
                     absl::StrCat(source, ": this system reports ", host.cores,
                                  " cores and ", host.memory_bytes,
                                  " bytes of memory. Write a machine file with "
                                  "die_nodes and sram_bytes and pass its path."));
  }
  for (proto::Grid* grid : {m.mutable_die_nodes(), m.mutable_die_logical_nodes()}) {
    grid->set_rows(1);
    grid->set_cols(host.cores);
  }
  m.set_die_nodes_usable(host.cores);
  const double share = probe.memory_share() * static_cast<double>(host.memory_bytes);
  // Whole cache lines, so that every arena can start on one.
  m.set_sram_bytes(static_cast<int64_t>(share / host.cores) / 64 * 64);
  return absl::OkStatus();
}

// One line per number: its field, its value and the least it may be.
struct Bound {
  absl::string_view field;
  double value;
  double min;
};

std::vector<Bound> Bounds(const MachineSpec& s) {
  const double positive = std::nextafter(0.0, 1.0);
  // A level that the machine has only one of needs no numbers for its crossing.
  const bool crosses_dies = s.tile_dies.count() > 1 || s.tiles.count() > 1;
  const double die_min = crosses_dies ? positive : 0;
  const double tile_min = s.tiles.count() > 1 ? positive : 0;
  const double dram_min = s.dram.cards > 0 ? positive : 0;
  const auto d = [](int64_t v) { return static_cast<double>(v); };
  return {
      {"die_nodes.rows", d(s.die_nodes.rows), 1},
      {"die_nodes.cols", d(s.die_nodes.cols), 1},
      {"die_nodes_usable", d(s.die_nodes_usable), 1},
      {"die_logical_nodes.rows", d(s.die_logical_nodes.rows), 1},
      {"die_logical_nodes.cols", d(s.die_logical_nodes.cols), 1},
      {"tile_dies.rows", d(s.tile_dies.rows), 1},
      {"tile_dies.cols", d(s.tile_dies.cols), 1},
      {"tiles.rows", d(s.tiles.rows), 1},
      {"tiles.cols", d(s.tiles.cols), 1},
      {"clock_hz", s.clock_hz, positive},
      {"sram_bytes", d(s.sram_bytes), 1},
      {"code_bytes_reserved", d(s.code_bytes_reserved), 0},
      {"matrix_flops_per_cycle", s.matrix_flops_per_s, positive},
      {"vector_flops_per_cycle", s.vector_flops_per_s, positive},
      {"vector_bytes", d(s.vector_bytes), 1},
      {"sram_load_ports", d(s.sram_load_ports), 1},
      {"sram_store_ports", d(s.sram_store_ports), 1},
      {"sram_port_bytes", d(s.sram_port_bytes), 1},
      {"mesh_port_bytes", d(s.mesh_port_bytes), 1},
      {"packet_bytes", d(s.packet_bytes), 1},
      {"link_packets_per_cycle", s.link_bytes_per_s, positive},
      {"hop_cycles", s.hop_ns, positive},
      {"die_edge_bytes_per_s", s.die_edge_bytes_per_s, die_min},
      {"die_crossing_ns", s.die_crossing_ns, die_min},
      {"tile_edge_bytes_per_s", s.tile_edge_bytes_per_s, tile_min},
      {"tile_crossing_ns", s.tile_crossing_ns, tile_min},
      {"dram.cards", d(s.dram.cards), 0},
      {"dram.card_bytes", d(s.dram.card_bytes), dram_min},
      {"dram.card_bytes_per_s", s.dram.card_bytes_per_s, dram_min},
      {"dram.link_bytes_per_s", s.dram.link_bytes_per_s, dram_min},
      {"dram.access_ns", s.dram.access_ns, dram_min},
      {"dram.ethernet_bytes_per_s", s.dram.ethernet_bytes_per_s, 0},
      {"dram.pcie_bytes_per_s", s.dram.pcie_bytes_per_s, 0},
      {"pacing", s.pacing, positive},
      {"superstep_start_ns", s.superstep_start_ns, 0},
      {"call_start_ns", s.call_start_ns, 0},
      {"matrix_unit_rows", d(s.matrix_unit_rows), 1},
      {"matrix_unit_cols", d(s.matrix_unit_cols), 1},
      {"matrix_unit_depth", d(s.matrix_unit_depth), 1},
  };
}

absl::Status Check(const MachineSpec& s, absl::string_view source) {
  const auto refuse = [&](absl::string_view what) {
    return MakeError(ErrorCode::kUnknownField, absl::StrCat(source, ": ", what));
  };
  if (s.name.empty()) return refuse("name is missing.");
  for (const Bound& b : Bounds(s)) {
    if (b.value >= b.min && std::isfinite(b.value)) continue;
    return refuse(absl::StrCat(b.field, " is missing or ", b.value,
                               "; this machine needs a finite value ",
                               b.min >= 1  ? "of at least 1."
                               : b.min > 0 ? "above 0."
                                           : "of at least 0."));
  }
  // In double, because the totals of a mistyped file may not fit an int64_t.
  double sram_bytes = static_cast<double>(s.sram_bytes);
  for (const Grid& grid : {s.die_nodes, s.tile_dies, s.tiles}) {
    sram_bytes *= static_cast<double>(grid.rows) * static_cast<double>(grid.cols);
  }
  const double logical_nodes = static_cast<double>(s.die_logical_nodes.rows) *
                               static_cast<double>(s.die_logical_nodes.cols);
  const double dram_bytes =
      static_cast<double>(s.dram.cards) * static_cast<double>(s.dram.card_bytes);
  if (std::max(sram_bytes, dram_bytes) > 0x1p62) {
    return refuse(absl::StrCat("nodes times SRAM is ", sram_bytes,
                               " bytes and cards times DRAM ", dram_bytes,
                               "; beyond 2^62 a count is mistyped."));
  }
  if (s.die_nodes_usable > s.die_nodes.count() ||
      logical_nodes > static_cast<double>(s.die_nodes_usable)) {
    return refuse(absl::StrCat("a die has ", s.die_nodes.count(), " nodes, ",
                               s.die_nodes_usable, " usable and ", logical_nodes,
                               " logical; each must be at most the one before."));
  }
  if (s.pacing > 1) {
    return refuse(
        absl::StrCat("pacing is ", s.pacing,
                     "; no exchange is faster than its links, so at most 1."));
  }
  if (s.code_bytes_reserved >= s.sram_bytes) {
    return refuse(absl::StrCat("code_bytes_reserved ", s.code_bytes_reserved,
                               " leaves nothing of sram_bytes ", s.sram_bytes, "."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MachineSpec> MachineFromText(absl::string_view text,
                                            absl::string_view source,
                                            const HostFacts& host,
                                            const MachineOverrides& overrides) {
  TATAMI_ASSIGN_OR_RETURN(proto::Machine m, ParseMerged(text, source, 0));
  if (m.has_host_probe()) {
    const proto::HostProbe probe = m.host_probe();
    TATAMI_RETURN_IF_ERROR(ApplyHost(probe, host, source, m));
  }
  for (const auto& [field, value] : overrides) {
    TATAMI_ASSIGN_OR_RETURN(const Number number, FindNumber(field, source, m));
    number.Set(value);
  }
  MachineSpec spec = FromProto(m);
  TATAMI_ASSIGN_OR_RETURN(spec.unknowns, UnknownsOf(m, source));
  TATAMI_RETURN_IF_ERROR(Check(spec, source));
  return spec;
}

}  // namespace tatami::internal_machine
