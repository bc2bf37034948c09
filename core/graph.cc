#include "core/graph.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// The last two components: where the tree lies on the disk is nobody's business.
absl::string_view ShortPath(absl::string_view path) {
  const size_t file = path.rfind('/');
  if (file == path.npos || file == 0) return path;
  const size_t folder = path.rfind('/', file - 1);
  return folder == path.npos ? path : path.substr(folder + 1);
}

}  // namespace

TensorType InputPart::WholeOf(TensorType part) const {
  if (!part.dims.empty()) part.dims[0] *= count;
  return part;
}

OpCall Graph::CallOf(int call) const {
  const GraphCall& c = calls[call];
  OpCall out{.op = c.op, .attrs = c.attrs, .out = values[c.out].type};
  for (int v : c.in) out.in.push_back(values[v].type);
  return out;
}

int Graph::FindValue(absl::string_view name) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::string Graph::ToString() const {
  std::string out;
  const auto print = [&](int v) {
    return absl::StrCat("%", values[v].name, ":", values[v].type.ToString());
  };
  for (size_t v = 0; v < values.size(); ++v) {
    if (values[v].kind == ValueKind::kComputed) continue;
    absl::StrAppend(&out, values[v].kind == ValueKind::kInput ? "input " : "state ",
                    print(static_cast<int>(v)));
    const InputPart& part = values[v].part;
    if (part.count > 1) {
      absl::StrAppend(&out, " part ", part.index, " of ", part.count, " of ",
                      values[v].fed_as);
    }
    absl::StrAppend(&out, "\n");
  }
  for (const GraphCall& c : calls) {
    const std::string attrs = c.attrs.ToString();
    absl::StrAppend(
        &out, print(c.out), " = ", *c.op->name, "(",
        absl::StrJoin(
            c.in, ", ",
            [&](std::string* s, int v) { absl::StrAppend(s, "%", values[v].name); }),
        ")", attrs.empty() ? "" : " {", attrs, attrs.empty() ? "" : "}", "\n");
  }
  for (const auto& [state, next] : updates) {
    absl::StrAppend(&out, "update %", values[state].name, " = %", values[next].name,
                    "\n");
  }
  for (const auto& [name, value] : outputs) {
    absl::StrAppend(&out, "output ", name, " = %", values[value].name, "\n");
  }
  return out;
}

absl::Status VerifyGraph(const Graph& graph) {
  const auto fail = [&](absl::string_view what) {
    return absl::InternalError(absl::StrCat("graph '", graph.name, "': ", what));
  };
  std::set<std::string> names;
  for (const GraphValue& v : graph.values) {
    if (!names.insert(v.name).second)
      return fail(absl::StrCat("two values '", v.name, "'"));
    const InputPart& part = v.part;
    const bool fed_in_parts = part.count > 1;
    if (part.index < 0 || part.index >= part.count ||
        (fed_in_parts && !v.counts_samples) ||
        (v.counts_samples && (v.kind != ValueKind::kInput || v.type.dims.empty()))) {
      return fail(absl::StrCat(v.name, " is no part of an input that counts samples"));
    }
  }
  std::vector<bool> known(graph.values.size());
  for (size_t v = 0; v < known.size(); ++v) {
    known[v] = graph.values[v].kind != ValueKind::kComputed;
  }
  for (size_t i = 0; i < graph.calls.size(); ++i) {
    const GraphCall& c = graph.calls[i];
    for (int v : c.in) {
      if (!known[v]) {
        return fail(absl::StrCat(c.name, " reads ", graph.values[v].name,
                                 " before it is made"));
      }
    }
    if (known[c.out]) return fail(absl::StrCat(c.name, " makes a value made before"));
    known[c.out] = true;
    const OpCall call = graph.CallOf(static_cast<int>(i));
    TATAMI_ASSIGN_OR_RETURN(const TensorType out, (*c.op->infer)(c.attrs, call.in),
                            c.name);
    if (out != call.out) {
      return fail(absl::StrCat(c.name, " makes ", out.ToString(), ", the graph says ",
                               call.out.ToString()));
    }
    const std::string fault = FindRuleFault((*c.op->rule)(call), call.in, call.out);
    if (!fault.empty()) return fail(absl::StrCat(c.name, ": rule: ", fault));
  }
  std::set<std::string> calls;
  for (const GraphCall& c : graph.calls) {  // plans name calls
    if (!calls.insert(c.name).second)
      return fail(absl::StrCat("two calls '", c.name, "'"));
  }
  for (const auto& [name, value] : graph.outputs) {
    if (!known[value]) return fail(absl::StrCat("output ", name, " is never made"));
  }
  std::set<int> updated;
  for (const auto& [state, next] : graph.updates) {
    if (graph.values[state].kind != ValueKind::kState || !known[next]) {
      return fail(absl::StrCat("update of ", graph.values[state].name,
                               ", which is no state, or by what is never made"));
    }
    if (!updated.insert(state).second) {
      return fail(absl::StrCat("two updates of ", graph.values[state].name));
    }
    if (graph.values[state].type != graph.values[next].type) {
      return fail(
          absl::StrCat("update of ", graph.values[state].name, " changes its type"));
    }
  }
  return absl::OkStatus();
}

GraphBuilder::GraphBuilder(Graph graph) : graph_(std::move(graph)) {
  for (const GraphValue& v : graph_.values) name_uses_[v.name] = 1;
}

int GraphBuilder::AddValue(GraphValue value) {
  graph_.values.push_back(std::move(value));
  return static_cast<int>(graph_.values.size()) - 1;
}

std::string GraphBuilder::UniqueName(absl::string_view base) {
  std::string name = absl::StrCat(scope_, base);
  while (true) {
    const int uses = name_uses_[name]++;
    if (uses == 0) return name;
    name = absl::StrCat(scope_, base, "_", uses);
  }
}

Value GraphBuilder::Input(absl::string_view name, TensorType type) {
  const std::string unique = UniqueName(name);
  return {AddValue({.type = std::move(type),
                    .kind = ValueKind::kInput,
                    .name = unique,
                    .fed_as = unique})};
}

Value GraphBuilder::BatchInput(absl::string_view name, TensorType type) {
  const Value input = Input(name, std::move(type));
  graph_.values[input.id].counts_samples = true;
  return input;
}

Value GraphBuilder::InputPartOf(absl::string_view fed_as, TensorType type,
                                InputPart part) {
  const Value input = BatchInput(fed_as, std::move(type));
  graph_.values[input.id].fed_as = std::string(fed_as);
  graph_.values[input.id].part = part;
  return input;
}

Value GraphBuilder::State(absl::string_view name, TensorType type, Init init,
                          bool trainable) {
  return {AddValue({.type = std::move(type),
                    .kind = ValueKind::kState,
                    .name = UniqueName(name),
                    .init = init,
                    .trainable = trainable})};
}

Value GraphBuilder::Call(const OpDef& op, std::vector<Value> in, Attrs attrs) {
  if (!status_.ok()) return {};
  return AddCall({.op = &op,
                  .attrs = std::move(attrs),
                  .name = UniqueName(*op.name),
                  .source = source_},
                 in);
}

Value GraphBuilder::Repeat(const GraphCall& call, std::vector<Value> in, Attrs attrs) {
  if (!status_.ok()) return {};
  return AddCall({.op = call.op,
                  .attrs = std::move(attrs),
                  .name = UniqueName(call.name),
                  .source = call.source,
                  .place = call.place,
                  .backward = call.backward},
                 in);
}

Value GraphBuilder::AddCall(GraphCall call, const std::vector<Value>& in) {
  call.micro_batch = micro_batch_;
  if (backward_of_ >= 0) {
    call.place = backward_of_;
    call.backward = true;
  }
  std::vector<TensorType> types;
  for (Value v : in) {
    if (!v.valid()) {
      Fail(MakeError(ErrorCode::kBadGraph,
                     absl::StrCat(call.name, ": an input of ", *call.op->name,
                                  " was never made")));
      return {};
    }
    call.in.push_back(v.id);
    types.push_back(graph_.values[v.id].type);
  }
  absl::StatusOr<TensorType> out = (*call.op->infer)(call.attrs, types);
  if (!out.ok()) {
    Fail(Annotate(out.status(), absl::StrCat("in ", call.name)));
    return {};
  }
  call.out = AddValue({.type = *std::move(out),
                       .kind = ValueKind::kComputed,
                       .name = call.name,
                       .producer = static_cast<int>(graph_.calls.size())});
  graph_.calls.push_back(std::move(call));
  return {graph_.calls.back().out};
}

void GraphBuilder::EndForward() {
  for (size_t c = 0; c < graph_.calls.size(); ++c) {
    if (graph_.calls[c].place < 0) graph_.calls[c].place = static_cast<int>(c);
  }
}

void GraphBuilder::Update(Value state, Value next) {
  if (state.valid() && next.valid()) {
    graph_.updates.emplace_back(state.id, next.id);
  } else {
    Fail(MakeError(ErrorCode::kBadGraph, "an update of or by a value never made"));
  }
}

void GraphBuilder::Output(absl::string_view name, Value value) {
  if (!value.valid() || !graph_.outputs.emplace(std::string(name), value.id).second) {
    Fail(MakeError(ErrorCode::kBadGraph,
                   absl::StrCat("output '", name, "' was never made, or made twice")));
  }
}

const TensorType& GraphBuilder::type(Value v) const {
  static const TensorType kScalar;
  return v.valid() ? graph_.values[v.id].type : kScalar;
}

void GraphBuilder::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

absl::StatusOr<Graph> GraphBuilder::Finish() {
  TATAMI_RETURN_IF_ERROR(status_);
  TATAMI_RETURN_IF_ERROR(VerifyGraph(graph_));
  return std::move(graph_);
}

GraphBuilder::Scope::Scope(GraphBuilder& g, absl::string_view name, CallerLine here)
    : Scope(g, name, absl::StrCat(ShortPath(here.file), ":", here.line)) {}

GraphBuilder::Scope::Scope(GraphBuilder& g, absl::string_view name, std::string source)
    : g_(g), length_(g.scope_.size()), outer_source_(std::move(g.source_)) {
  absl::StrAppend(&g_.scope_, name, ".");
  g_.source_ = std::move(source);
}

GraphBuilder::MicroBatch::MicroBatch(GraphBuilder& g, int64_t index)
    : g_(g), scope_(g, absl::StrCat("mb", index), g.source_) {
  g_.micro_batch_ = static_cast<int>(index);
}

GraphBuilder::Scope::~Scope() {
  g_.scope_.resize(length_);
  g_.source_ = std::move(outer_source_);
}

}  // namespace tatami
