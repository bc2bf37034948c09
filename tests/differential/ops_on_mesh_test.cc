// Every op of AllOps() on every mesh, cut every way, against one node and against the
// f64 reference.
//
// Which equality is asked for is decided by what can be proven of the numbers drawn:
// 1. On whole numbers, where the f32 reference raises no inexact flag on the whole nor
//    on any part, each sum is a sum of whole numbers below 2^24, so its order cannot
//    matter: equal bits to one node, cut reductions included. Ops whose constants f32
//    cannot hold (a mean over 3, a momentum of 0.9) or that divide or take roots never
//    get here; kExactOnWholeNumbers lists those that must, with every sample.
// 2. On other numbers, where no reduction is cut and the op is not a sum of products,
//    a node does to an element what one node would do: equal bits to one node. Kernels
//    of sums may order them by the shape of the part, so theirs may differ.
// 3. On other numbers always: within what the op's error model allows for each part
//    plus the roundings of combining parts (part_bounds.h) of the f64 reference.
#include <cfenv>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "ops/all_ops.h"
#include "tests/differential/forced_cuts.h"
#include "tests/differential/part_bounds.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using conformance::Arrays;
using testing::Bytes;
using testing::CallGraph;

const std::set<absl::string_view> kExactOnWholeNumbers = {
    "add",    "concat",      "conv",       "conv_input_grad", "conv_weight_grad",
    "gather", "gather_grad", "matmul",     "max_pool",        "max_pool_grad",
    "mul",    "pad",         "reduce_max", "reduce_sum",      "reduce_sum_squares",
    "relu",   "relu_grad",   "reshape",    "resize_nearest",  "resize_nearest_grad",
    "slice",  "spread",      "sub",        "sub_scaled",      "transpose",
    "where"};

struct Case {
  const OpDef* op;
  OpSample sample;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << *c.op->name << " " << c.sample.name;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const OpDef* op : AllOps()) {
    for (OpSample& sample : (*op->samples)()) cases.push_back({op, std::move(sample)});
  }
  return cases;
}

// Whole numbers of [-2, 2] that lie in each operand's domain; labels and indices as the
// sample wants them; a domain without whole numbers as it is.
Arrays DrawWholeNumbers(const OpSample& sample) {
  OpSample whole = sample;
  whole.domains.resize(sample.in.size());
  for (InputDomain& d : whole.domains) {
    const double lo = std::ceil(std::max(d.lo, -2.0)),
                 hi = std::floor(std::min(d.hi, 2.0));
    if (d.integer || hi <= lo) continue;
    d = {.lo = lo, .hi = hi, .integer = true};
  }
  return conformance::DrawInputs(whole, /*seed=*/5);
}

// The operands of `at`, the reference in f32, and whether it rounded anything.
bool RoundsNothing(const LocalCall& at, const Arrays& in) {
  const OpCall& call = *at.call;
  std::vector<std::vector<float>> parts;
  std::vector<View<const float>> views;
  for (size_t i = 0; i < at.in.size(); ++i) {
    const std::vector<double> part =
        conformance::CutOut(in[i], call.in[i].dims, at.in[i]);
    parts.emplace_back(part.begin(), part.end());
  }
  for (size_t i = 0; i < at.in.size(); ++i) {
    views.emplace_back(parts[i].data(), at.in[i], call.in[i].dims);
  }
  std::vector<float> out(NumElements(at.out));
  std::feclearexcept(FE_ALL_EXCEPT);
  (*call.op->reference).f32(at, views, View<float>(out.data(), at.out, call.out.dims));
  if (std::fetestexcept(FE_INEXACT | FE_OVERFLOW | FE_UNDERFLOW | FE_INVALID)) {
    return false;
  }
  // Storage must hold the result as well.
  for (const float x : out) {
    if (!std::isfinite(x) || std::abs(x) > 0x1p20f) return false;
    if (call.out.dtype == DType::kBF16 && FloatFromBF16(BF16FromFloat(x)) != x) {
      return false;
    }
  }
  return true;
}

class OpOnMesh : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    auto call = conformance::CallOfSample(op(), sample());
    ASSERT_TRUE(call.ok()) << call.status();
    call_ = *std::move(call);
    rule_ = (*op().rule)(*call_);
    auto graph = testing::GraphOfSample(op(), sample());
    ASSERT_TRUE(graph.ok()) << graph.status();
    graph_ = *std::move(graph);
  }

  const OpDef& op() const { return *GetParam().op; }
  const OpSample& sample() const { return GetParam().sample; }

  std::map<std::string, Bytes> Store(const Arrays& in) const {
    std::map<std::string, Bytes> values;
    for (size_t i = 0; i < in.size(); ++i) {
      const std::vector<float> x(in[i].begin(), in[i].end());
      Bytes bytes(sample().in[i].bytes());
      StoreFromFloat(sample().in[i].dtype, x.data(), int64_t(x.size()), bytes.data());
      values[absl::StrCat("x", i)] = std::move(bytes);
    }
    return values;
  }

  bool CutsReduction(const Cuts& cuts) const {
    for (const auto& [name, axes] : cuts) {
      if (rule_.factors[rule_.FindFactor(name)].kind == FactorKind::kReduce)
        return true;
    }
    return false;
  }

  // True when no part of the call rounds anything on `in`, so that any order of sums
  // gives the same bits.
  bool Exact(const Arrays& in, const Mesh& mesh, const Cuts& cuts) const {
    const auto axes = FactorAxes(cuts, rule_, mesh);
    for (int64_t n = 0; n < mesh.nodes(); ++n) {
      Box factors;
      for (size_t f = 0; f < rule_.factors.size(); ++f) {
        factors.push_back(FloorSplit(rule_.factors[f].size, Parts((*axes)[f]),
                                     PartOf((*axes)[f], NodeAt(n, mesh), mesh)));
      }
      const LocalCall at = MakeLocalCall(call_, rule_, factors);
      if (!IsEmpty(at.out) && !RoundsNothing(at, in)) return false;
    }
    return true;
  }

  // "" or what is wrong with `got`.
  std::string CheckBounds(const testing::RunResult& got, const Arrays& in,
                          const Mesh& mesh, const Cuts& cuts) const {
    const std::vector<double> want = conformance::RunReference(
        MakeLocalCall(call_, rule_, rule_.WholeFactors()), in);
    const std::vector<double> bounds = testing::CutErrorBounds(
        sample(), call_, in, mesh, *FactorAxes(cuts, rule_, mesh));
    for (const char* output : {"direct", "copied"}) {
      std::vector<float> x(want.size());
      LoadAsFloat(call_->out.dtype, got.outputs.at(output).data(), int64_t(x.size()),
                  x.data());
      for (size_t e = 0; e < want.size(); ++e) {
        if (std::isnan(want[e]) && std::isnan(x[e])) continue;
        const double stored = call_->out.dtype == DType::kBF16
                                  ? FloatFromBF16(BF16FromFloat(float(want[e])))
                                  : double(float(want[e]));
        // An exact op's bound is 0 beside the rounding of the reference to storage.
        if (x[e] == stored || std::abs(x[e] - want[e]) <= bounds[e]) continue;
        return absl::StrCat(output, " element ", e, " is ", x[e], ", the reference ",
                            want[e], ", allowed ", bounds[e]);
      }
    }
    return "";
  }

  // Runs all forced cuts on one mesh.
  void CheckMesh(const Mesh& mesh) {
    const Arrays whole =
        conformance::RoundToStorage(sample(), DrawWholeNumbers(sample()));
    const Arrays real = conformance::RoundToStorage(
        sample(), conformance::DrawInputs(sample(), /*seed=*/6));
    const auto one_whole =
        testing::RunOnMesh(graph_.graph, {.mesh = {1, 1}}, Store(whole), {});
    ASSERT_TRUE(one_whole.ok()) << one_whole.status();
    const auto one_real =
        testing::RunOnMesh(graph_.graph, {.mesh = {1, 1}}, Store(real), {});
    ASSERT_TRUE(one_real.ok()) << one_real.status();
    const bool same_per_element = (*op().error).kind != ErrorModel::kSumOfProducts;
    int turn = 0;
    const bool whole_exact = Exact(whole, {1, 1}, {});
    for (const Cuts& cuts : testing::ForcedCuts(rule_, mesh)) {
      const std::string what = testing::ToString(cuts, mesh);
      const Plan plan = testing::PlanOf(graph_, mesh, cuts, turn++);
      auto program = testing::LowerOnMesh(graph_.graph, plan);
      ASSERT_TRUE(program.ok()) << what << ": " << program.status();
      if (whole_exact && Exact(whole, mesh, cuts)) {
        const auto got = testing::RunProgram(*program, Store(whole), {});
        ASSERT_TRUE(got.ok()) << what << ": " << got.status();
        ASSERT_EQ(testing::FindDifference(*got, *one_whole), "") << what;
        ++bitwise_;
      } else {
        ++bounded_;
      }
      const auto got = testing::RunProgram(*program, Store(real), {});
      ASSERT_TRUE(got.ok()) << what << ": " << got.status();
      ASSERT_EQ(CheckBounds(*got, real, mesh, cuts), "") << what;
      if (same_per_element && !CutsReduction(cuts)) {
        ASSERT_EQ(testing::FindDifference(*got, *one_real), "") << what;
      }
      ASSERT_EQ(got->link_bytes, CountLinkBytes(got->program)) << what;
    }
  }

  std::shared_ptr<const OpCall> call_;
  IndexRule rule_;
  CallGraph graph_;
  int bitwise_ = 0, bounded_ = 0;
};

TEST_P(OpOnMesh, EveryForcedCutGivesTheAnswerOfOneNode) {
  for (const Mesh mesh :
       {Mesh{1, 1}, Mesh{1, 4}, Mesh{4, 1}, Mesh{2, 3}, Mesh{4, 4}, Mesh{3, 5}}) {
    CheckMesh(mesh);
    if (HasFatalFailure()) return;
  }
  if (kExactOnWholeNumbers.contains(*op().name)) {
    EXPECT_EQ(bounded_, 0);
  }
}

// A NaN reaches the elements that it reaches in the f64 reference: what diverges must
// not hide behind a relu or a maximum, nor behind a cut. It reaches no other in f32; of
// bf16 operands oneDNN multiplies pairs of channels, one of which may be padding.
TEST_P(OpOnMesh, ANaNGoesWhereTheReferenceSendsIt) {
  if (call_->out.dtype == DType::kI32) return;  // nowhere to go
  const bool narrow =
      std::any_of(call_->in.begin(), call_->in.end(),
                  [](const auto& t) { return t.dtype == DType::kBF16; });
  Arrays in = conformance::RoundToStorage(
      sample(), conformance::DrawInputs(sample(), /*seed=*/7));
  for (size_t i = 0; i < in.size(); ++i) {
    if (sample().in[i].dtype != DType::kI32 && conformance::IsContinuous(sample(), i)) {
      in[i][in[i].size() / 2] = std::nan("");
    }
  }
  const std::vector<double> want =
      conformance::RunReference(MakeLocalCall(call_, rule_, rule_.WholeFactors()), in);
  for (const Mesh mesh : {Mesh{1, 1}, Mesh{2, 3}}) {
    for (const Cuts& cuts : testing::ForcedCuts(rule_, mesh)) {
      const Plan plan = testing::PlanOf(graph_, mesh, cuts, 0);
      const auto got = testing::RunOnMesh(graph_.graph, plan, Store(in), {});
      ASSERT_TRUE(got.ok()) << got.status();
      std::vector<float> x(want.size());
      LoadAsFloat(call_->out.dtype, got->outputs.at("direct").data(), int64_t(x.size()),
                  x.data());
      for (size_t e = 0; e < want.size(); ++e) {
        if (narrow && !std::isnan(want[e])) continue;
        ASSERT_EQ(std::isnan(x[e]), std::isnan(want[e]))
            << testing::ToString(cuts, mesh) << ": element " << e << " is " << x[e];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpOnMesh, ::testing::ValuesIn(AllCases()),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           return absl::StrCat(*info.param.op->name, "__",
                                               info.param.sample.name);
                         });

}  // namespace
}  // namespace tatami
