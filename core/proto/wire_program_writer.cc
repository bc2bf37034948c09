// A Program to its wire form.
#include "core/proto/program.pb.h"
#include "core/proto/wire_fields.h"

namespace tatami {
namespace {

constexpr absl::string_view kFormat = "tatami.program";

void ToProto(const DimPlacement& dim, proto::DimPlacement& out) {
  out.set_dim_size(dim.dim_size);
  out.set_factor_size(dim.factor_size);
  wire::ToProto(dim.axes, *out.mutable_axes());
  if (dim.map.IsIdentity()) return;
  proto::IndexMap& map = *out.mutable_map();
  map.set_num(dim.map.num);
  map.set_den(dim.map.den);
  map.set_lo(dim.map.lo);
  map.set_hi(dim.map.hi);
}

void ToProto(const ProgramBuffer& buffer, proto::ProgramBuffer& out) {
  out.set_name(buffer.name);
  wire::ToProto(buffer.type, *out.mutable_type());
  proto::Placement& placement = *out.mutable_placement();
  for (const DimPlacement& dim : buffer.placement.dims) {
    ToProto(dim, *placement.add_dims());
  }
  wire::ToProto(buffer.placement.partial, *placement.mutable_partial());
  if (buffer.persistent) out.set_persistent(true);
  out.set_storage(buffer.storage);
  if (buffer.stage > 0) out.set_stage(buffer.stage);
}

void ToProto(const ProgramCall& call, proto::ProgramCall& out) {
  out.set_name(call.name);
  out.set_op(std::string(*call.call->op->name));
  wire::ToProto(call.call->attrs, *out.mutable_attributes());
  for (const TensorType& type : call.call->in) wire::ToProto(type, *out.add_in());
  wire::ToProto(call.call->out, *out.mutable_out());
}

void ToProto(const Superstep& superstep, proto::Superstep& out) {
  for (const ExchangeOp& exchange : superstep.exchanges) {
    proto::ExchangeOp& e = *out.add_exchanges();
    e.set_from(exchange.from);
    e.set_to(exchange.to);
    wire::ToProto(exchange.resolve, *e.mutable_resolve());
    if (!exchange.resolve.empty()) {
      e.set_combine(exchange.combine == Combine::kSum ? "sum" : "max");
    }
  }
  for (const ComputeOp& compute : superstep.computes) {
    proto::ComputeOp& c = *out.add_computes();
    c.set_call(compute.call);
    for (const DimPlacement& f : compute.factors) ToProto(f, *c.add_factors());
    c.mutable_in()->Assign(compute.in.begin(), compute.in.end());
    c.set_out(compute.out);
  }
}

void ToProto(const NodeClass& node_class, proto::NodeClass& out) {
  out.set_example_row(node_class.example.row);
  out.set_example_col(node_class.example.col);
  out.set_nodes(node_class.nodes);
  out.mutable_storage_bytes()->Assign(node_class.storage_bytes.begin(),
                                      node_class.storage_bytes.end());
  out.mutable_address()->Assign(node_class.address.begin(), node_class.address.end());
  out.set_peak_bytes(node_class.peak_bytes);
}

void ToProto(const MeshSite& site, proto::Site& out) {
  out.set_map(site.live.ToString());
  const Mesh& grid = site.live.grid();
  out.mutable_hosted()->Resize(static_cast<int>(grid.nodes()), -1);
  for (size_t i = 0; i < site.embedding.physical.size(); ++i) {
    out.set_hosted(static_cast<int>(NodeIndex(site.embedding.physical[i], grid)),
                   static_cast<int>(i));
  }
}

void ToProto(const Program& program, proto::Program& out) {
  out.set_format(std::string(kFormat));
  out.set_version(wire::kVersion);
  out.set_model(program.model);
  out.set_machine(program.machine);
  wire::ToProto(program.mesh, *out.mutable_mesh());
  if (program.HasStages()) wire::ToProto(program.stages, *out.mutable_stages());
  if (program.site) ToProto(*program.site, *out.mutable_site());
  out.set_sram_bytes(program.sram_bytes);
  out.set_code_bytes(program.code_bytes);
  for (const ProgramCall& c : program.calls) ToProto(c, *out.add_calls());
  for (const ProgramBuffer& b : program.buffers) ToProto(b, *out.add_buffers());
  for (const Superstep& s : program.supersteps) ToProto(s, *out.add_supersteps());
  for (const ProgramFeed& feed : program.feeds) {
    proto::ProgramFeed& f = *out.add_feeds();
    f.set_input(feed.input);
    f.set_buffer(feed.buffer);
    f.set_part(feed.part.index);
    f.set_parts(feed.part.count);
    f.set_superstep(feed.superstep);
  }
  for (const ProgramState& state : program.states) {
    proto::ProgramState& s = *out.add_states();
    s.set_name(state.name);
    s.set_buffer(state.buffer);
    wire::ToProto(state.init, *s.mutable_init());
    if (state.trainable) s.set_trainable(true);
  }
  for (const ProgramFetch& fetch : program.fetches) {
    proto::ProgramFetch& f = *out.add_fetches();
    f.set_output(fetch.output);
    f.set_buffer(fetch.buffer);
  }
  for (const NodeClass& c : program.classes) ToProto(c, *out.add_classes());
  out.mutable_class_of_node()->Assign(program.class_of_node.begin(),
                                      program.class_of_node.end());
  for (const auto& [first, last] : program.storage_lifetime) {
    proto::Lifetime& lifetime = *out.add_storage_lifetime();
    lifetime.set_first(first);
    lifetime.set_last(last);
  }
}

}  // namespace

std::string SerializeProgram(const Program& program, WireForm form) {
  proto::Program out;
  ToProto(program, out);
  return wire::Print(out, form);
}

}  // namespace tatami
