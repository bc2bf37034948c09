// A Program from its wire form: every index, axis and size is checked before anything
// is computed with it.
#include <algorithm>

#include "core/proto/program.pb.h"
#include "core/proto/wire_fields.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr absl::string_view kFormat = "tatami.program";

// Reads one Program; every index is checked against the list it points into.
class Reader {
 public:
  Reader(const proto::Program& in, OpLookup find_op) : in_(in), find_op_(find_op) {}

  absl::StatusOr<Program> Run() {
    TATAMI_RETURN_IF_ERROR(ReadHeader());
    TATAMI_RETURN_IF_ERROR(
        ReadEach("storage_lifetime", in_.storage_lifetime(), &Reader::ReadLifetime));
    TATAMI_RETURN_IF_ERROR(ReadEach("calls", in_.calls(), &Reader::ReadCall));
    TATAMI_RETURN_IF_ERROR(ReadEach("buffers", in_.buffers(), &Reader::ReadBuffer));
    TATAMI_RETURN_IF_ERROR(
        ReadEach("supersteps", in_.supersteps(), &Reader::ReadSuperstep));
    TATAMI_RETURN_IF_ERROR(ReadEach("feeds", in_.feeds(), &Reader::ReadFeed));
    TATAMI_RETURN_IF_ERROR(ReadEach("states", in_.states(), &Reader::ReadState));
    TATAMI_RETURN_IF_ERROR(ReadEach("fetches", in_.fetches(), &Reader::ReadFetch));
    TATAMI_RETURN_IF_ERROR(ReadEach("classes", in_.classes(), &Reader::ReadClass));
    TATAMI_RETURN_IF_ERROR(ReadClassOfNode());
    if (in_.has_site()) TATAMI_RETURN_IF_ERROR(ReadSite(in_.site()));
    return std::move(p_);
  }

 private:
  template <typename List, typename Entry>
  absl::Status ReadEach(absl::string_view name, const List& list,
                        absl::Status (Reader::*read)(const Entry&)) {
    for (int i = 0; i < list.size(); ++i) {
      TATAMI_RETURN_IF_ERROR((this->*read)(list[i]), absl::StrCat(name, "[", i, "]"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadHeader() {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("model", in_.model()));
    TATAMI_RETURN_IF_ERROR(wire::CheckName("machine", in_.machine()));
    p_.model = in_.model();
    p_.machine = in_.machine();
    TATAMI_ASSIGN_OR_RETURN(p_.mesh, wire::FromProto(in_.mesh()));
    if (in_.has_stages()) {
      TATAMI_ASSIGN_OR_RETURN(p_.stages, wire::ReadStages(in_.stages(), p_.mesh));
    }
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("sram_bytes", in_.sram_bytes(), 1, wire::kSramBytesMax));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("code_bytes", in_.code_bytes(), 0, in_.sram_bytes()));
    p_.sram_bytes = in_.sram_bytes();
    p_.code_bytes = in_.code_bytes();
    return absl::OkStatus();
  }

  // The list has an entry for each node of the grid, so that a short file cannot ask
  // for the memory of a large grid.
  absl::Status ReadSite(const proto::Site& in) {
    TATAMI_ASSIGN_OR_RETURN(const LiveMesh live,
                            wire::ReadMap(in.map(), in.hosted_size()), "site");
    const Mesh& grid = live.grid();
    TATAMI_RETURN_IF_ERROR(wire::CheckRange(
        "the length of site.hosted", in.hosted_size(), grid.nodes(), grid.nodes()));
    Embedding embedding{.logical = p_.mesh};
    embedding.physical.assign(p_.mesh.nodes(), NodeCoord{-1, -1});
    int64_t hosted = 0;
    for (int i = 0; i < in.hosted_size(); ++i) {
      TATAMI_RETURN_IF_ERROR(
          wire::CheckRange("site.hosted", in.hosted(i), -1, p_.mesh.nodes() - 1));
      if (in.hosted(i) < 0) continue;
      if (!live.IsLive(NodeAt(i, grid))) {
        return wire::BadField(absl::StrCat("site.hosted[", i, "] is ", in.hosted(i),
                                           ", and this node of the grid is dead"));
      }
      embedding.physical[in.hosted(i)] = NodeAt(i, grid);
      ++hosted;
    }
    const auto homeless =
        std::find_if(embedding.physical.begin(), embedding.physical.end(),
                     [](NodeCoord n) { return n.row < 0; });
    if (homeless != embedding.physical.end() || hosted != p_.mesh.nodes()) {
      return wire::BadField(absl::StrCat("site.hosted names ", hosted,
                                         " nodes and must name each of the ",
                                         p_.mesh.nodes(), " of the mesh once"));
    }
    p_.site = MeshSite{.live = live, .embedding = std::move(embedding)};
    return absl::OkStatus();
  }

  absl::Status ReadLifetime(const proto::Lifetime& in) {
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("first", in.first(), 0, INT32_MAX));
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("last", in.last(), in.first(), INT32_MAX));
    p_.storage_lifetime.emplace_back(in.first(), in.last());
    return absl::OkStatus();
  }

  absl::Status ReadCall(const proto::ProgramCall& in) {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
    auto call = std::make_shared<OpCall>();
    TATAMI_ASSIGN_OR_RETURN(call->op, wire::ReadOp(in.op(), find_op_));
    TATAMI_ASSIGN_OR_RETURN(call->attrs, wire::FromProto(in.attributes(), *call->op));
    for (const proto::TensorType& operand : in.in()) {
      TATAMI_ASSIGN_OR_RETURN(TensorType type, wire::FromProto(operand), "in");
      call->in.push_back(std::move(type));
    }
    TATAMI_ASSIGN_OR_RETURN(call->out, wire::FromProto(in.out()), "out");
    p_.calls.push_back({.name = in.name(), .call = std::move(call)});
    return absl::OkStatus();
  }

  absl::StatusOr<DimPlacement> ReadDim(const proto::DimPlacement& in) const {
    DimPlacement dim{.dim_size = in.dim_size(), .factor_size = in.factor_size()};
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("dim_size", dim.dim_size, 1, wire::kElementsMax));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("factor_size", dim.factor_size, 1, wire::kElementsMax));
    TATAMI_ASSIGN_OR_RETURN(dim.axes, wire::FromProto(in.axes(), p_.stage_mesh()));
    if (!in.has_map()) return dim;
    // num times a factor's index stays below 2^62.
    constexpr int64_t kNumMax = int64_t{1} << 24;
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("map.num", in.map().num(), -kNumMax, kNumMax));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("map.den", in.map().den(), 1, wire::kElementsMax));
    for (const int64_t offset : {in.map().lo(), in.map().hi()}) {
      TATAMI_RETURN_IF_ERROR(wire::CheckRange("map.lo and map.hi", offset,
                                              -wire::kElementsMax, wire::kElementsMax));
    }
    dim.map = {in.map().num(), in.map().den(), in.map().lo(), in.map().hi()};
    if (dim.map.IsIdentity())
      return wire::BadField("map is the identity: leave it out");
    return dim;
  }

  absl::Status ReadBuffer(const proto::ProgramBuffer& in) {
    ProgramBuffer buffer{.persistent = in.persistent(), .storage = in.storage()};
    TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
    buffer.name = in.name();
    TATAMI_ASSIGN_OR_RETURN(buffer.type, wire::FromProto(in.type()), in.name());
    if (in.placement().dims_size() != buffer.type.rank()) {
      return wire::BadField(absl::StrCat("placement has ", in.placement().dims_size(),
                                         " dims, the type ", buffer.type.rank()));
    }
    // One axis cuts one dim, or holds terms: PartOf and WithPart rely on it.
    wire::AxisRefList all = in.placement().partial();
    for (int d = 0; d < buffer.type.rank(); ++d) {
      const std::string where = absl::StrCat("placement.dims[", d, "]");
      const proto::DimPlacement& given = in.placement().dims(d);
      TATAMI_ASSIGN_OR_RETURN(DimPlacement dim, ReadDim(given), where);
      if (dim.dim_size != buffer.type.dims[d]) {
        return wire::BadField(absl::StrCat(where, ".dim_size is ", dim.dim_size,
                                           ", the type's ", buffer.type.dims[d]));
      }
      all.MergeFrom(given.axes());
      buffer.placement.dims.push_back(std::move(dim));
    }
    TATAMI_RETURN_IF_ERROR(wire::FromProto(all, p_.stage_mesh()).status(), "placement");
    TATAMI_ASSIGN_OR_RETURN(buffer.placement.partial,
                            wire::FromProto(in.placement().partial(), p_.stage_mesh()));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckIndex("storage", in.storage(), in_.storage_lifetime_size()));
    if (in.has_stage()) {
      TATAMI_RETURN_IF_ERROR(
          wire::CheckRange("stage", in.stage(), 1, p_.stage_grid().count() - 1));
      buffer.stage = in.stage();
    }
    p_.buffers.push_back(std::move(buffer));
    return absl::OkStatus();
  }

  absl::Status CheckBuffer(absl::string_view field, int buffer) const {
    return wire::CheckIndex(field, buffer, in_.buffers_size());
  }

  absl::StatusOr<ExchangeOp> ReadExchange(const proto::ExchangeOp& in) const {
    TATAMI_RETURN_IF_ERROR(CheckBuffer("from", in.from()));
    TATAMI_RETURN_IF_ERROR(CheckBuffer("to", in.to()));
    ExchangeOp e{.from = in.from(), .to = in.to()};
    const TensorType &from = p_.buffers[e.from].type, &to = p_.buffers[e.to].type;
    if (from != to) {
      return wire::BadField(absl::StrCat("from is ", from.ToString(), " and to ",
                                         to.ToString(), "; an exchange only moves"));
    }
    TATAMI_ASSIGN_OR_RETURN(e.resolve, wire::FromProto(in.resolve(), p_.stage_mesh()));
    if (!e.resolve.empty() && p_.buffers[e.from].stage != p_.buffers[e.to].stage) {
      return wire::BadField("combines between stages; an exchange there only copies");
    }
    if (in.has_combine() == e.resolve.empty()) {
      return wire::BadField("combine and resolve come together");
    }
    if (in.has_combine() && in.combine() != "sum" && in.combine() != "max") {
      return wire::BadField(
          absl::StrCat("combine is '", in.combine(), "'; must be sum or max"));
    }
    if (in.combine() == "max") e.combine = Combine::kMax;
    return e;
  }

  absl::StatusOr<ComputeOp> ReadCompute(const proto::ComputeOp& in) const {
    ComputeOp c{.call = in.call(), .out = in.out()};
    TATAMI_RETURN_IF_ERROR(wire::CheckIndex("call", in.call(), in_.calls_size()));
    TATAMI_RETURN_IF_ERROR(CheckBuffer("out", in.out()));
    wire::AxisRefList all;
    for (const proto::DimPlacement& f : in.factors()) {
      TATAMI_ASSIGN_OR_RETURN(DimPlacement factor, ReadDim(f), "factors");
      all.MergeFrom(f.axes());
      c.factors.push_back(std::move(factor));
    }
    TATAMI_RETURN_IF_ERROR(wire::FromProto(all, p_.stage_mesh()).status(), "factors");
    for (const int b : in.in()) {
      TATAMI_RETURN_IF_ERROR(CheckBuffer("in", b));
      if (p_.buffers[b].stage != p_.buffers[c.out].stage) {
        return wire::BadField(absl::StrCat("reads buffer ", b, " of stage ",
                                           p_.buffers[b].stage, " and writes ", c.out,
                                           " of stage ", p_.buffers[c.out].stage));
      }
      c.in.push_back(b);
    }
    if (in.in_size() != in_.calls(in.call()).in_size()) {
      return wire::BadField(absl::StrCat("in has ", in.in_size(), " buffers, call ",
                                         in.call(), " takes ",
                                         in_.calls(in.call()).in_size()));
    }
    return c;
  }

  absl::Status ReadSuperstep(const proto::Superstep& in) {
    Superstep superstep;
    for (int i = 0; i < in.exchanges_size(); ++i) {
      TATAMI_ASSIGN_OR_RETURN(ExchangeOp e, ReadExchange(in.exchanges(i)),
                              absl::StrCat("exchanges[", i, "]"));
      superstep.exchanges.push_back(std::move(e));
    }
    for (int i = 0; i < in.computes_size(); ++i) {
      TATAMI_ASSIGN_OR_RETURN(ComputeOp c, ReadCompute(in.computes(i)),
                              absl::StrCat("computes[", i, "]"));
      superstep.computes.push_back(std::move(c));
    }
    p_.supersteps.push_back(std::move(superstep));
    return absl::OkStatus();
  }

  absl::Status ReadFeed(const proto::ProgramFeed& in) {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("input", in.input()));
    TATAMI_RETURN_IF_ERROR(CheckBuffer("buffer", in.buffer()));
    TATAMI_ASSIGN_OR_RETURN(
        const InputPart part,
        wire::ReadPart(in.part(), in.parts(), p_.buffers[in.buffer()].type));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("superstep", in.superstep(), 0, in_.supersteps_size()));
    p_.feeds.push_back({.input = in.input(),
                        .buffer = in.buffer(),
                        .part = part,
                        .superstep = in.superstep()});
    return absl::OkStatus();
  }

  absl::Status ReadState(const proto::ProgramState& in) {
    ProgramState state{
        .name = in.name(), .buffer = in.buffer(), .trainable = in.trainable()};
    TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
    TATAMI_RETURN_IF_ERROR(CheckBuffer("buffer", in.buffer()));
    TATAMI_ASSIGN_OR_RETURN(state.init, wire::FromProto(in.init()));
    p_.states.push_back(std::move(state));
    return absl::OkStatus();
  }

  absl::Status ReadFetch(const proto::ProgramFetch& in) {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("output", in.output()));
    TATAMI_RETURN_IF_ERROR(CheckBuffer("buffer", in.buffer()));
    p_.fetches.push_back({.output = in.output(), .buffer = in.buffer()});
    return absl::OkStatus();
  }

  absl::Status ReadClass(const proto::NodeClass& in) {
    const int storages = in_.storage_lifetime_size();
    NodeClass c{.example = {in.example_row(), in.example_col()}, .nodes = in.nodes()};
    TATAMI_RETURN_IF_ERROR(
        wire::CheckIndex("example_row", c.example.row, p_.mesh.rows));
    TATAMI_RETURN_IF_ERROR(
        wire::CheckIndex("example_col", c.example.col, p_.mesh.cols));
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("nodes", c.nodes, 1, p_.mesh.nodes()));
    TATAMI_RETURN_IF_ERROR(wire::CheckRange(
        "the length of storage_bytes", in.storage_bytes_size(), storages, storages));
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("the length of address", in.address_size(),
                                            storages, storages));
    for (int s = 0; s < storages; ++s) {
      const std::string where = absl::StrCat("storage ", s);
      TATAMI_RETURN_IF_ERROR(wire::CheckRange("storage_bytes", in.storage_bytes(s), 0,
                                              wire::kSramBytesMax),
                             where);
      TATAMI_RETURN_IF_ERROR(
          wire::CheckRange("address", in.address(s), 0, wire::kSramBytesMax), where);
      c.storage_bytes.push_back(in.storage_bytes(s));
      c.address.push_back(in.address(s));
    }
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("peak_bytes", in.peak_bytes(), 0, p_.sram_bytes));
    c.peak_bytes = in.peak_bytes();
    p_.classes.push_back(std::move(c));
    return absl::OkStatus();
  }

  absl::Status ReadClassOfNode() {
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("the length of class_of_node",
                                            in_.class_of_node_size(), p_.mesh.nodes(),
                                            p_.mesh.nodes()));
    for (int n = 0; n < in_.class_of_node_size(); ++n) {
      TATAMI_RETURN_IF_ERROR(
          wire::CheckIndex("class_of_node", in_.class_of_node(n), in_.classes_size()),
          absl::StrCat("node ", n));
      p_.class_of_node.push_back(in_.class_of_node(n));
    }
    return absl::OkStatus();
  }

  const proto::Program& in_;
  const OpLookup find_op_;
  Program p_;
};

}  // namespace

absl::StatusOr<Program> ParseProgram(absl::string_view bytes, OpLookup find_op) {
  proto::Program in;
  TATAMI_RETURN_IF_ERROR(wire::Read(bytes, kFormat, in));
  return Reader(in, find_op).Run();
}

}  // namespace tatami
