// OpDef: everything the system knows about one op, in one constant.
//
// Every field is required by the type system: a designated initialiser that omits one
// does not compile. To add an op: write ops/NAME.{h,cc}, add it to ops/all_ops.cc; the
// conformance suite (tests/conformance) then checks every field against the others.
#pragma once

#include <concepts>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/index_rule.h"
#include "core/tensor_type.h"
#include "core/tensor_view.h"

namespace tatami {

struct OpDef;
class GraphBuilder;

// A handle to a tensor value of a graph under construction. Cheap to copy.
struct Value {
  int id = -1;
  bool valid() const { return id >= 0; }
  friend bool operator==(Value, Value) = default;
};

// One use of an op on global tensors.
struct OpCall {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<TensorType> in;
  TensorType out;
};

// What one node does of an OpCall: factor intervals, and the boxes of the operands,
// dense and row-major, that the rule derives from them.
struct LocalCall {
  std::shared_ptr<const OpCall> call;
  Box factors;
  std::vector<Box> in;
  Box out;
};
LocalCall MakeLocalCall(std::shared_ptr<const OpCall> call, const IndexRule& rule,
                        const Box& factors);

// A field without default: leaving it out of a designated initialiser does not compile.
template <typename T>
struct Required {
  T value;
  template <typename U>
  requires std::convertible_to<U, T>
  constexpr Required(U v) : value(std::move(v)) {}  // NOLINT: converts by design
  constexpr const T& operator*() const { return value; }
};

// Arithmetic operations for the given factor intervals, counted as tensor_view.h's
// Counted counts them on the reference. A multiply-accumulate is two. Costs add up over
// disjoint factor boxes unless an operation is needed redundantly.
struct OpCost {
  int64_t matrix_flops = 0;  // on the matrix unit
  int64_t vector_flops = 0;  // on the vector unit
  int64_t total() const { return matrix_flops + vector_flops; }
};

using InferFn = absl::StatusOr<TensorType> (*)(const Attrs&,
                                               absl::Span<const TensorType>);
using RuleFn = IndexRule (*)(const OpCall&);
using CostFn = OpCost (*)(const OpCall&, const Box& factors);

// One use of an op inside a graph, as gradients see it.
struct CallSite {
  const Attrs& attrs;
  std::vector<Value> in;
  Value out;
};
// The gradients of a scalar loss by each input (an invalid Value where there is none),
// given the gradient `d_out` by the output. Built from ops, so that the compiler
// shards, costs and places the backward pass like any other code.
using GradientFn = std::vector<Value> (*)(GraphBuilder&, const CallSite&, Value d_out);

struct Gradient {
  GradientFn function = nullptr;
  absl::string_view reason;                          // why there is none
  constexpr Gradient(GradientFn f) : function(f) {}  // NOLINT: converts by design
  static constexpr Gradient None(absl::string_view why) { return Gradient(why); }

 private:
  constexpr explicit Gradient(absl::string_view why) : reason(why) {}
};

// The definition of the op: written to be obviously right, never optimised. Computes
// the output box from the input boxes for the given factors; accumulates a cut
// reduction over its interval only. Runs in double for tests, in float as the
// last-resort kernel, on Counted.
template <typename T>
using In = absl::Span<const View<const T>>;

struct Reference {
  void (*f64)(const LocalCall&, In<double>, const View<double>&);
  void (*f32)(const LocalCall&, In<float>, const View<float>&);
  void (*counted)(const LocalCall&, In<Counted>, const View<Counted>&);

  // S has: template <typename T> static void Run(const LocalCall&, In<T>, const
  // View<T>&).
  template <typename S>
  static constexpr Reference Of() {
    return {&S::template Run<double>, &S::template Run<float>,
            &S::template Run<Counted>};
  }
};

// Proven bounds on |kernel - reference in f64| for f32 storage.
struct ErrorModel {
  enum Kind {
    kExact,          // moves or compares: equal bits
    kSumOfProducts,  // gamma_t * reference(|inputs|), t = flops per output element + 2
    kUlps,  // `ulps` units in the last place of max(|want|, largest magnitude of the
            // continuous inputs)
  } kind = kExact;
  double ulps = 0;
};

// A kernel made ready for one shape. Thread-safe: Run may be called concurrently.
class PreparedKernel {
 public:
  virtual ~PreparedKernel() = default;
  // `in` and `out` are dense row-major buffers of at.in and at.out in their storage
  // types. What it allocates does not outlive the call.
  virtual void Run(const LocalCall& at, absl::Span<const std::byte* const> in,
                   std::byte* out) const = 0;
};

struct Kernel {
  absl::string_view name;
  // OK, or why this kernel refuses the call; the refusal is kept for reports.
  absl::Status (*supports)(const LocalCall&);
  // Two calls with equal keys may share one PreparedKernel. Empty: never shared.
  std::string (*key)(const LocalCall&);
  absl::StatusOr<std::shared_ptr<PreparedKernel>> (*prepare)(const LocalCall&);
};
using KernelFn = void (*)(const LocalCall&, absl::Span<const std::byte* const> in,
                          std::byte* out);
// A PreparedKernel without preparation.
std::shared_ptr<PreparedKernel> MakeSimpleKernel(KernelFn run);
// The extents of all boxes and the attributes, not their positions, as a key.
std::string ShapeKey(const LocalCall& call);

// A case the conformance suite runs: shapes, attributes, and what the inputs may hold.
struct InputDomain {
  double lo = -1, hi = 1;
  bool integer = false;  // labels and indices: whole numbers in [lo, hi]
};
struct OpSample {
  std::string name;
  std::vector<TensorType> in;
  Attrs attrs;
  std::vector<InputDomain> domains;  // empty: the default for all
  // Recomputes inputs that are functions of others (statistics of x, say) after the
  // suite has drawn or perturbed them. Their dependence then counts in the gradient.
  void (*derive)(const OpSample&, std::vector<std::vector<double>>& in) = nullptr;
};

// Attributes with which `call` also applies the pointwise call `next` to its output, or
// nullopt when it cannot. This is how fusion passes learn what fits what.
using AbsorbFn = std::optional<Attrs> (*)(const OpCall& call, const OpCall& next);

// Attributes with which `call`, given part `index` of a batch cut into equal parts
// along dim 0, draws the random numbers that it would draw there given all of it.
using PartFn = Attrs (*)(const OpCall& call, int64_t index);

constexpr int kNoAlias = -1;

// A set of an op's operands, by number.
class Operands {
 public:
  static constexpr Operands All() { return Operands(~uint32_t{0}); }
  static constexpr Operands None() { return Operands(0); }
  static constexpr Operands Of(std::initializer_list<int> numbers) {
    uint32_t bits = 0;
    for (const int i : numbers) bits |= uint32_t{1} << i;
    return Operands(bits);
  }
  constexpr bool Has(size_t i) const { return (bits_ >> i & 1) != 0; }

 private:
  constexpr explicit Operands(uint32_t bits) : bits_(bits) {}
  uint32_t bits_;
};

struct OpDef {
  Required<absl::string_view> name;
  Required<absl::string_view> summary;
  Required<InferFn> infer;
  Required<RuleFn> rule;
  Required<CostFn> cost;
  Required<Gradient> gradient;
  Required<Reference> reference;
  Required<absl::Span<const Kernel>>
      kernels;  // fastest first; the reference follows last
  Required<ErrorModel> error;
  // The input whose buffer the output may take over, or kNoAlias: every element of the
  // output is written after the last read of the same element of that input.
  Required<int> may_overwrite;
  Required<AbsorbFn> absorb;  // null: never
  // The floating operands that may be stored in bf16, all of them or none; the others
  // are f32 whatever these are. `infer` says what the result is then stored in.
  Required<Operands> narrow;
  Required<std::vector<OpSample> (*)()> samples;
  PartFn of_part = nullptr;  // of random ops; all others do the same on every part
};

// Kernels that calls of one shape share, by the kernel's name and Kernel::key.
using KernelCache = std::map<std::string, std::shared_ptr<PreparedKernel>>;
// The first kernel that supports the call, prepared or from the cache; else the first
// that supports it widened, as a WideningKernel; the reference when none does.
absl::StatusOr<std::shared_ptr<PreparedKernel>> ChooseKernel(const LocalCall& call,
                                                             KernelCache& cache);
// The call with f32 where it has bf16; nullopt where it has none.
std::optional<LocalCall> Widened(const LocalCall& call);
// `kernel`, made for Widened(call), as a kernel for `call` alone: operands are widened
// into host scratch on their way in, and the result is rounded once on its way out.
std::shared_ptr<PreparedKernel> WideningKernel(const LocalCall& call,
                                               std::shared_ptr<PreparedKernel> kernel);
// The reference as a kernel: widens operands to f32 and rounds the result to storage.
std::shared_ptr<PreparedKernel> ReferenceKernel();

}  // namespace tatami
