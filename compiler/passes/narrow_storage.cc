#include "compiler/passes/narrow_storage.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ops/cast.h"

namespace tatami {
namespace {

class Narrower {
 public:
  Narrower(const Graph& wide, GraphBuilder& g)
      : wide_(wide),
        g_(g),
        now_(wide.values.size()),
        depends_on_inputs_(wide.values.size(), false) {}

  void Run(absl::Span<Value> kept) {
    AddStatesAndInputs();
    for (size_t c = 0; c < wide_.calls.size() && g_.ok(); ++c) {
      AddCall(static_cast<int>(c));
    }
    if (!g_.ok()) return;
    for (const auto& [state, next] : wide_.updates) {
      g_.Update(now_[state], InF32(next));
    }
    for (const auto& [name, value] : wide_.outputs) g_.Output(name, InF32(value));
    for (Value& v : kept) v = InF32(v.id);
  }

 private:
  void AddStatesAndInputs() {
    for (size_t v = 0; v < wide_.values.size(); ++v) {
      const GraphValue& value = wide_.values[v];
      depends_on_inputs_[v] = value.kind == ValueKind::kInput;
      if (value.kind == ValueKind::kState) {
        now_[v] = g_.State(value.name, value.type, value.init, value.trainable);
      } else if (value.counts_samples) {
        now_[v] = g_.BatchInput(value.name, value.type);
      } else if (value.kind == ValueKind::kInput) {
        now_[v] = g_.Input(value.name, value.type);
      }
    }
  }

  void AddCall(int index) {
    const GraphCall& call = wide_.calls[index];
    const DType storage = StorageOf(index);
    std::vector<Value> in;
    for (size_t i = 0; i < call.in.size(); ++i) {
      const bool narrow = (*call.op->narrow).Has(i);
      in.push_back(In(narrow ? storage : DType::kF32, call.in[i], call.source));
      if (depends_on_inputs_[call.in[i]]) depends_on_inputs_[call.out] = true;
    }
    now_[call.out] = g_.Repeat(call, std::move(in), call.attrs);
  }

  // Of the operands that may be narrow.
  DType StorageOf(int index) const {
    const OpCall call = wide_.CallOf(index);
    const Box whole = (*call.op->rule)(call).WholeFactors();
    if ((*call.op->cost)(call, whole).matrix_flops > 0) return DType::kBF16;
    const std::vector<int>& in = wide_.calls[index].in;
    bool follows = false;
    for (size_t i = 0; i < in.size(); ++i) {
      if (!(*call.op->narrow).Has(i) || !depends_on_inputs_[in[i]]) continue;
      const DType dtype = g_.type(now_[in[i]]).dtype;
      if (dtype == DType::kF32) return DType::kF32;
      follows |= dtype == DType::kBF16;
    }
    return follows ? DType::kBF16 : DType::kF32;
  }

  // The value, integers aside, in this element type: as it is or as its one cast.
  Value In(DType dtype, int value, const std::string& source) {
    const DType have = g_.type(now_[value]).dtype;
    if (have == dtype || have == DType::kI32) return now_[value];
    Value& cast = casts_[value];
    if (!cast.valid()) {
      const GraphBuilder::Scope scope(g_, wide_.values[value].name, source);
      cast = Cast(g_, now_[value], dtype);
    }
    return cast;
  }
  Value InF32(int value) {
    const int producer = wide_.values[value].producer;
    return In(DType::kF32, value, producer < 0 ? "" : wide_.calls[producer].source);
  }

  const Graph& wide_;
  GraphBuilder& g_;
  // By value of `wide`:
  std::vector<Value> now_;               // its counterpart
  std::map<int, Value> casts_;           // that in the other of the two floating types
  std::vector<bool> depends_on_inputs_;  // whether anything fed enters it
};

}  // namespace

absl::string_view Name(Precision precision) {
  return Name(precision == Precision::kF32 ? DType::kF32 : DType::kBF16);
}

void NarrowStorage(GraphBuilder& g, absl::Span<Value> kept) {
  absl::StatusOr<Graph> wide = g.Finish();
  if (!wide.ok()) return g.Fail(wide.status());
  g = GraphBuilder(wide->name);
  Narrower(*wide, g).Run(kept);
}

}  // namespace tatami
