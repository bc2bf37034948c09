// Graph: the whole training step as SSA calls of pure ops on global tensors, and the
// builder that models, gradients and passes write it with.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/op_def.h"

namespace tatami {

enum class ValueKind : uint8_t {
  kInput,     // fed anew each step: batch data, learning rate, step number
  kState,     // lives across steps: weights, moments, running statistics
  kComputed,  // made by a call
};

// How a state starts. Random values depend on (seed, name, logical element index)
// alone.
struct Init {
  enum Kind : uint8_t { kZero, kConstant, kNormal, kUniform } kind = kZero;
  double scale = 0;  // the constant; standard deviation; half width of the uniform
};

// One of `count` equal parts along dim 0 of what the host feeds under one name.
struct InputPart {
  int64_t index = 0, count = 1;

  // The type of what is fed, where this part of it has type `part`.
  TensorType WholeOf(TensorType part) const;
  friend bool operator==(const InputPart&, const InputPart&) = default;
};

struct GraphValue {
  TensorType type;
  ValueKind kind = ValueKind::kComputed;
  std::string name;
  int producer = -1;       // index of the call, or -1
  Init init;               // of a state
  bool trainable = false;  // a state that optimizers update
  // Of an input: whether dim 0 counts samples of the batch; the name under which the
  // host feeds it; which part of that it is.
  bool counts_samples = false;
  std::string fed_as;
  InputPart part;
};

struct GraphCall {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<int> in;
  int out = -1;
  std::string name;    // unique: scope path and op, as "trunk.0.conv"
  std::string source;  // the model's file:line
  // The part of a step's batch that the call works on; its name then starts with
  // "mb3." for part 3. -1: of the whole step, as all calls are where the batch is
  // taken at once.
  int micro_batch = -1;
  // Where the call stands in the forward pass; a call of the backward pass has the
  // place of the call that it differentiates, whether that is still there or not. -1:
  // of neither pass, as an optimizer's.
  int place = -1;
  bool backward = false;
};

struct Graph {
  std::string name;
  std::vector<GraphValue> values;
  std::vector<GraphCall> calls;  // in an order that respects data flow
  // At the end of a step state `first` takes the value `second`.
  std::vector<std::pair<int, int>> updates;
  std::map<std::string, int>
      outputs;  // what the host reads: loss, metrics, predictions

  OpCall CallOf(int call) const;
  int FindValue(absl::string_view name) const;  // -1 when absent
  std::string ToString() const;                 // one line a call
};

// Checks shapes, unique names, order of calls, rules; what a pass must leave true.
absl::Status VerifyGraph(const Graph& graph);

// The line that calls a function whose last parameter has this as its default:
// std::source_location, which Clang 14 does not have.
struct CallerLine {
  const char* file;
  int line;
  static constexpr CallerLine Current(const char* file = __builtin_FILE(),
                                      int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Builds a graph. The first error sticks and is returned by Finish(), so models and
// gradients read as plain expressions.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name) { graph_.name = std::move(name); }
  explicit GraphBuilder(Graph graph);  // goes on with a finished graph

  Value Input(absl::string_view name, TensorType type);
  // An input whose dim 0 counts samples: of it each micro-batch takes its part.
  Value BatchInput(absl::string_view name, TensorType type);
  // The part `part`, of type `type`, of what is fed as `fed_as`.
  Value InputPartOf(absl::string_view fed_as, TensorType type, InputPart part);
  Value State(absl::string_view name, TensorType type, Init init, bool trainable);
  // Appends a call; `source` is inherited from the current scope when empty.
  Value Call(const OpDef& op, std::vector<Value> in, Attrs attrs = {});
  // Appends a call like `call`, which another graph may have, under the present scope.
  Value Repeat(const GraphCall& call, std::vector<Value> in, Attrs attrs);
  // The calls made so far are the forward pass: each gets its place in it.
  void EndForward();
  void Update(Value state, Value next);
  void Output(absl::string_view name, Value value);

  const TensorType& type(Value v) const;
  const Graph& graph() const { return graph_; }
  bool ok() const { return status_.ok(); }
  void Fail(absl::Status status);
  absl::StatusOr<Graph> Finish();

  // Names of calls and states made while a Scope lives start with "name.", and these
  // calls come from where the Scope was opened, or from `source`.
  class Scope {
   public:
    Scope(GraphBuilder& g, absl::string_view name,
          CallerLine here = CallerLine::Current());
    Scope(GraphBuilder& g, absl::string_view name, std::string source);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    GraphBuilder& g_;
    size_t length_;
    std::string outer_source_;
  };

  // Calls made while a Backward lives differentiate this one of the forward pass; for
  // -1, none.
  class Backward {
   public:
    Backward(GraphBuilder& g, int call)
        : g_(g),
          outer_(std::exchange(g.backward_of_,
                               call < 0 ? -1 : g.graph_.calls[call].place)) {}
    ~Backward() { g_.backward_of_ = outer_; }
    Backward(const Backward&) = delete;
    Backward& operator=(const Backward&) = delete;

   private:
    GraphBuilder& g_;
    int outer_;
  };

  // Calls and inputs made while a MicroBatch lives are those of this part of the batch:
  // a Scope "mb3" for the index 3.
  class MicroBatch {
   public:
    MicroBatch(GraphBuilder& g, int64_t index);
    ~MicroBatch() { g_.micro_batch_ = -1; }
    MicroBatch(const MicroBatch&) = delete;
    MicroBatch& operator=(const MicroBatch&) = delete;

   private:
    GraphBuilder& g_;
    Scope scope_;
  };

 private:
  int AddValue(GraphValue value);
  Value AddCall(GraphCall call, const std::vector<Value>& in);
  std::string UniqueName(absl::string_view base);

  Graph graph_;
  absl::Status status_;
  std::string scope_;
  std::string source_;  // "models/drivenet.cc:31" of the innermost scope
  int micro_batch_ = -1;
  int backward_of_ = -1;  // a place
  std::map<std::string, int> name_uses_;
};

}  // namespace tatami
