// A Graph to and from its wire form.
#include "core/proto/wire_fields.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr absl::string_view kFormat = "tatami.graph";
constexpr std::pair<absl::string_view, ValueKind> kValueKinds[] = {
    {"input", ValueKind::kInput},
    {"state", ValueKind::kState},
    {"computed", ValueKind::kComputed}};

absl::StatusOr<GraphValue> ReadValue(const proto::GraphValue& in) {
  GraphValue value;
  TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
  value.name = in.name();
  TATAMI_ASSIGN_OR_RETURN(value.type, wire::FromProto(in.type()), in.name());
  bool known = false;
  for (const auto& [name, kind] : kValueKinds) {
    if (name == in.kind()) value.kind = kind, known = true;
  }
  if (!known) {
    return wire::BadField(
        absl::StrCat("kind is '", in.kind(), "'; must be input, state or computed"));
  }
  const bool state = value.kind == ValueKind::kState;
  if (in.has_init() != state || in.has_trainable() != state) {
    return wire::BadField("init and trainable belong to states, and to each of them");
  }
  if (state) {
    TATAMI_ASSIGN_OR_RETURN(value.init, wire::FromProto(in.init()), in.name());
    value.trainable = in.trainable();
  }
  if (in.has_fed() != (value.kind == ValueKind::kInput)) {
    return wire::BadField("fed belongs to inputs, and to each of them");
  }
  if (in.has_fed()) {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("fed_as", in.fed().fed_as()));
    value.fed_as = in.fed().fed_as();
    value.counts_samples = in.fed().counts_samples();
    TATAMI_ASSIGN_OR_RETURN(
        value.part, wire::ReadPart(in.fed().part(), in.fed().parts(), value.type));
  }
  return value;
}

absl::StatusOr<GraphCall> ReadCall(const proto::GraphCall& in, int index,
                                   OpLookup find_op, std::vector<GraphValue>& values) {
  const auto count = static_cast<int64_t>(values.size());
  GraphCall call;
  TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
  call.name = in.name();
  if (in.has_source()) {
    TATAMI_RETURN_IF_ERROR(wire::CheckName("source", in.source()));
    call.source = in.source();
  }
  if (in.has_micro_batch()) {
    TATAMI_RETURN_IF_ERROR(
        wire::CheckRange("micro_batch", in.micro_batch(), 0, INT32_MAX));
    call.micro_batch = in.micro_batch();
  }
  if (in.has_place()) {
    TATAMI_RETURN_IF_ERROR(wire::CheckRange("place", in.place(), 0, INT32_MAX));
    call.place = in.place();
    call.backward = in.backward();
  } else if (in.has_backward()) {
    return wire::BadField("backward without the place of what is differentiated");
  }
  TATAMI_ASSIGN_OR_RETURN(call.op, wire::ReadOp(in.op(), find_op));
  TATAMI_ASSIGN_OR_RETURN(call.attrs, wire::FromProto(in.attributes(), *call.op));
  for (const int v : in.in()) {
    TATAMI_RETURN_IF_ERROR(wire::CheckIndex("in", v, count));
    call.in.push_back(v);
  }
  TATAMI_RETURN_IF_ERROR(wire::CheckIndex("out", in.out(), count));
  call.out = in.out();
  GraphValue& out = values[call.out];
  if (out.kind != ValueKind::kComputed || out.producer >= 0) {
    return wire::BadField(absl::StrCat("out is ", call.out, ", '", out.name,
                                       "', which is not this call's to make"));
  }
  out.producer = index;
  return call;
}

}  // namespace

std::string SerializeGraph(const Graph& graph, WireForm form) {
  proto::Graph out;
  out.set_format(std::string(kFormat));
  out.set_version(wire::kVersion);
  out.set_name(graph.name);
  for (const GraphValue& value : graph.values) {
    proto::GraphValue& v = *out.add_values();
    wire::ToProto(value.type, *v.mutable_type());
    for (const auto& [name, kind] : kValueKinds) {
      if (kind == value.kind) v.set_kind(std::string(name));
    }
    v.set_name(value.name);
    if (value.kind == ValueKind::kInput) {
      proto::FedPart& fed = *v.mutable_fed();
      fed.set_fed_as(value.fed_as);
      fed.set_counts_samples(value.counts_samples);
      fed.set_part(value.part.index);
      fed.set_parts(value.part.count);
    }
    if (value.kind != ValueKind::kState) continue;
    wire::ToProto(value.init, *v.mutable_init());
    v.set_trainable(value.trainable);
  }
  for (const GraphCall& call : graph.calls) {
    proto::GraphCall& c = *out.add_calls();
    c.set_op(std::string(*call.op->name));
    wire::ToProto(call.attrs, *c.mutable_attributes());
    c.mutable_in()->Assign(call.in.begin(), call.in.end());
    c.set_out(call.out);
    c.set_name(call.name);
    if (!call.source.empty()) c.set_source(call.source);
    if (call.micro_batch >= 0) c.set_micro_batch(call.micro_batch);
    if (call.place >= 0) c.set_place(call.place);
    if (call.backward) c.set_backward(true);
  }
  for (const auto& [state, next] : graph.updates) {
    proto::GraphUpdate& update = *out.add_updates();
    update.set_state(state);
    update.set_next(next);
  }
  for (const auto& [name, value] : graph.outputs) {
    proto::GraphOutput& output = *out.add_outputs();
    output.set_name(name);
    output.set_value(value);
  }
  return wire::Print(out, form);
}

absl::StatusOr<Graph> ParseGraph(absl::string_view bytes, OpLookup find_op) {
  proto::Graph in;
  TATAMI_RETURN_IF_ERROR(wire::Read(bytes, kFormat, in));
  Graph graph;
  TATAMI_RETURN_IF_ERROR(wire::CheckName("name", in.name()));
  graph.name = in.name();
  for (int i = 0; i < in.values_size(); ++i) {
    TATAMI_ASSIGN_OR_RETURN(GraphValue value, ReadValue(in.values(i)),
                            absl::StrCat("values[", i, "]"));
    graph.values.push_back(std::move(value));
  }
  for (int i = 0; i < in.calls_size(); ++i) {
    TATAMI_ASSIGN_OR_RETURN(GraphCall call,
                            ReadCall(in.calls(i), i, find_op, graph.values),
                            absl::StrCat("calls[", i, "]"));
    graph.calls.push_back(std::move(call));
  }
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (graph.values[v].kind == ValueKind::kComputed && graph.values[v].producer < 0) {
      return wire::BadField(absl::StrCat("values[", v, "] is computed by no call"));
    }
  }
  const int count = static_cast<int>(graph.values.size());
  for (int i = 0; i < in.updates_size(); ++i) {
    const std::string where = absl::StrCat("updates[", i, "]");
    const proto::GraphUpdate& update = in.updates(i);
    TATAMI_RETURN_IF_ERROR(wire::CheckIndex("state", update.state(), count), where);
    TATAMI_RETURN_IF_ERROR(wire::CheckIndex("next", update.next(), count), where);
    if (graph.values[update.state()].kind != ValueKind::kState) {
      return wire::BadField(absl::StrCat(where, ".state is no state"));
    }
    graph.updates.emplace_back(update.state(), update.next());
  }
  for (int i = 0; i < in.outputs_size(); ++i) {
    const std::string where = absl::StrCat("outputs[", i, "]");
    const proto::GraphOutput& output = in.outputs(i);
    TATAMI_RETURN_IF_ERROR(wire::CheckName("name", output.name()), where);
    TATAMI_RETURN_IF_ERROR(wire::CheckIndex("value", output.value(), count), where);
    if (!graph.outputs.emplace(output.name(), output.value()).second) {
      return wire::BadField(absl::StrCat(where, ": name comes twice"));
    }
  }
  TATAMI_RETURN_IF_ERROR(VerifyGraph(graph));
  return graph;
}

}  // namespace tatami
