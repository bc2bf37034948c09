#include "compiler/micro_batches.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "ops/arithmetic.h"

namespace tatami {
namespace {

class Repeater {
 public:
  Repeater(const Graph& one, int64_t count, GraphBuilder& g)
      : one_(one),
        count_(count),
        g_(g),
        now_(one.values.size()),
        depends_on_samples_(one.values.size(), false) {}

  void Run(std::vector<Value>& gradients) {
    for (const Value d : gradients) totals_[d.id];
    for (const auto& [name, value] : one_.outputs) {
      const TensorType& type = one_.values[value].type;
      if (!type.dims.empty() || type.dtype == DType::kI32) {
        g_.Fail(MakeError(
            ErrorCode::kBadGraph,
            absl::StrCat("output '", name, "' of ", one_.name, " is ", type.ToString(),
                         ". With micro-batches a training step has "
                         "scalar outputs only: their means.")));
      }
      totals_[value];
    }
    AddStatesAndWholeInputs();
    for (int64_t part = 0; part < count_ && g_.ok(); ++part) AddPart(part);
    if (!g_.ok()) return;
    for (Value& d : gradients) d = totals_[d.id];
    for (const auto& [state, next] : one_.updates)
      g_.Update(states_[state], now_[next]);
    for (const auto& [name, value] : one_.outputs) {
      const GraphBuilder::Scope scope(g_, absl::StrCat("mean.", name), SourceOf(value));
      g_.Output(name, Affine(g_, totals_[value], 1.0 / static_cast<double>(count_), 0));
    }
  }

 private:
  void AddStatesAndWholeInputs() {
    for (size_t v = 0; v < one_.values.size(); ++v) {
      const GraphValue& value = one_.values[v];
      depends_on_samples_[v] = value.counts_samples;
      if (value.kind == ValueKind::kState) {
        now_[v] = g_.State(value.name, value.type, value.init, value.trainable);
        states_[static_cast<int>(v)] = now_[v];
      } else if (value.kind == ValueKind::kInput && !value.counts_samples) {
        now_[v] = g_.Input(value.name, value.type);
      }
    }
    for (const GraphCall& call : one_.calls) {
      for (const int in : call.in) {
        if (depends_on_samples_[in]) depends_on_samples_[call.out] = true;
      }
    }
  }

  void AddPart(int64_t part) {
    const GraphBuilder::MicroBatch micro_batch(g_, part);
    // What the part before made of a state is what this one finds.
    std::vector<std::pair<int, Value>> found;
    for (const auto& [state, next] : one_.updates) {
      if (part > 0) found.emplace_back(state, now_[next]);
    }
    for (const auto& [state, value] : found) now_[state] = value;
    for (size_t v = 0; v < one_.values.size(); ++v) {
      const GraphValue& value = one_.values[v];
      if (value.kind == ValueKind::kComputed) continue;
      if (value.counts_samples) {
        now_[v] = g_.InputPartOf(value.name, value.type, {part, count_});
      }
      AddToTotal(static_cast<int>(v));
    }
    for (size_t c = 0; c < one_.calls.size(); ++c) AddCall(static_cast<int>(c), part);
  }

  void AddCall(int index, int64_t part) {
    const GraphCall& call = one_.calls[index];
    const PartFn of_part = call.op->of_part;
    std::vector<Value> in;
    for (const int v : call.in) in.push_back(now_[v]);
    now_[call.out] = g_.Repeat(call, std::move(in),
                               of_part != nullptr && depends_on_samples_[call.out]
                                   ? of_part(one_.CallOf(index), part)
                                   : call.attrs);
    AddToTotal(call.out);
  }

  void AddToTotal(int value) {
    const auto it = totals_.find(value);
    if (it == totals_.end()) return;
    Value& total = it->second;
    if (!total.valid()) {
      total = now_[value];
      return;
    }
    const GraphBuilder::Scope scope(g_, absl::StrCat("total.", one_.values[value].name),
                                    SourceOf(value));
    // The total is the first operand: its bytes are those that addition takes over.
    total = Add(g_, total, now_[value]);
  }

  std::string SourceOf(int value) const {
    const int producer = one_.values[value].producer;
    return producer < 0 ? "" : one_.calls[producer].source;
  }

  const Graph& one_;
  const int64_t count_;
  GraphBuilder& g_;
  std::vector<Value> now_;  // by value of `one`: its counterpart in this part
  std::vector<bool> depends_on_samples_;  // by value of `one`
  std::map<int, Value> states_;           // by value of `one`
  std::map<int, Value> totals_;           // of gradients and outputs, by value of `one`
};

}  // namespace

void RepeatForMicroBatches(const Graph& one, int64_t count,
                           std::vector<Value>& gradients, GraphBuilder& g) {
  Repeater(one, count, g).Run(gradients);
}

}  // namespace tatami
