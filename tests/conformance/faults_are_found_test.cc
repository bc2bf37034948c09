// Shows that each check of find_fault.h can fail: on copies of ops with one thing
// wrong.
#include <algorithm>

#include "gmock/gmock.h"
#include "ops/activation.h"
#include "ops/batch_norm.h"
#include "ops/cast.h"
#include "ops/dropout.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "tests/conformance/find_fault.h"

namespace tatami::conformance {
namespace {

using ::testing::HasSubstr;

const OpSample& Sample() {
  static const OpSample sample = (*MatmulOp().samples)()[0];  // [5,7] x [7,3]
  return sample;
}

TEST(FaultsAreFound, NoneInTheRightOp) {
  EXPECT_EQ(FindKernelFault(MatmulOp(), Sample()), "");
  EXPECT_EQ(FindCostFault(MatmulOp(), Sample()), "");
  EXPECT_EQ(FindCutFault(MatmulOp(), Sample()), "");
  EXPECT_EQ(FindGradientFault(MatmulOp(), Sample()), "");
}

TEST(FaultsAreFound, ACostThatCountsMultipliesOnly) {
  OpDef op = MatmulOp();
  op.cost.value = [](const OpCall&, const Box& factors) {
    return OpCost{.matrix_flops = NumElements(factors)};
  };
  EXPECT_EQ(FindCostFault(op, Sample()),
            "factors [0,5)x[0,3)x[0,7): the cost says 105 operations, the reference "
            "does 210");
}

TEST(FaultsAreFound, ACostThatIgnoresTheCut) {
  OpDef op = MatmulOp();
  op.cost.value = [](const OpCall&, const Box&) { return OpCost{.matrix_flops = 210}; };
  EXPECT_THAT(FindCostFault(op, Sample()), HasSubstr("the cost says 210"));
}

TEST(FaultsAreFound, AGradientThatIsAnotherTensor) {
  OpDef op = MatmulOp();
  op.gradient.value = Gradient([](GraphBuilder& g, const CallSite& site, Value dc) {
    auto d = (*MatmulOp().gradient).function(g, site, dc);
    d[0] = site.in[0];
    return d;
  });
  EXPECT_THAT(FindGradientFault(op, Sample()), HasSubstr("the finite difference"));
}

TEST(FaultsAreFound, AGradientThatIsMissing) {
  OpDef op = MatmulOp();
  op.gradient.value = Gradient([](GraphBuilder& g, const CallSite& site, Value dc) {
    auto d = (*MatmulOp().gradient).function(g, site, dc);
    d[1] = Value{};
    return d;
  });
  EXPECT_THAT(FindGradientFault(op, Sample()), HasSubstr("the finite difference"));
}

TEST(FaultsAreFound, AGradientOfAnotherShape) {
  OpDef op = MatmulOp();
  op.gradient.value = Gradient([](GraphBuilder& g, const CallSite& site, Value dc) {
    auto d = (*MatmulOp().gradient).function(g, site, dc);
    std::swap(d[0], d[1]);
    return d;
  });
  EXPECT_THAT(FindGradientFault(op, Sample()),
              HasSubstr("the gradient by input 0 is f32[7,3], the input f32[5,7]"));
}

TEST(FaultsAreFound, AGradientOfAnotherElementType) {
  OpDef op = MatmulOp();
  op.gradient.value = Gradient([](GraphBuilder& g, const CallSite& site, Value dc) {
    auto d = (*MatmulOp().gradient).function(g, site, dc);
    d[0] = Cast(g, d[0], DType::kF32);
    return d;
  });
  EXPECT_THAT(FindNarrowFault(op, Sample()),
              HasSubstr("the gradient by input 0 is f32[5,7], the input bf16[5,7]"));
}

TEST(FaultsAreFound, NarrowOperandsThatTheOpDoesNotTake) {
  OpDef op = BatchNormOp();
  const OpSample sample = (*op.samples)()[0];
  EXPECT_EQ(FindNarrowFault(op, sample), "");
  op.narrow.value = Operands::All();
  EXPECT_THAT(FindNarrowFault(op, sample), HasSubstr("needs operand 1 to be f32[C]"));
}

TEST(FaultsAreFound, AnOperandThatKeepsProductsOffTheMatrixUnit) {
  OpDef op = MatmulOp();
  op.infer.value = [](const Attrs& attrs, absl::Span<const TensorType> in) {
    return (*MatmulOp().infer)(
        attrs, {{DType::kBF16, in[0].dims}, {DType::kBF16, in[1].dims}});
  };
  op.narrow.value = Operands::Of({0});
  EXPECT_EQ(FindNarrowFault(op, Sample()),
            "has work for the matrix unit and an operand that is not narrow");
}

TEST(FaultsAreFound, NoGradientAndNoReason) {
  OpDef op = MatmulOp();
  op.gradient.value = Gradient::None("");
  EXPECT_EQ(FindGradientFault(op, Sample()), "no gradient and no reason why");
}

TEST(FaultsAreFound, PartsOfASumCombinedByMax) {
  OpDef op = MatmulOp();
  op.rule.value = [](const OpCall& call) {
    IndexRule rule = (*MatmulOp().rule)(call);
    rule.combine = Combine::kMax;
    return rule;
  };
  EXPECT_THAT(FindCutFault(op, Sample()), HasSubstr("cut k in 2"));
}

TEST(FaultsAreFound, ARuleThatReadsTooLittle) {
  OpDef op = MatmulOp();
  op.rule.value = [](const OpCall& call) {
    IndexRule rule = (*MatmulOp().rule)(call);
    rule.inputs[0][1].map = IndexMap::Shift(1);
    return rule;
  };
  EXPECT_DEATH(FindCutFault(op, Sample()), "index 0 of dim 1 is outside");
}

// A kernel of matmul with one thing wrong.
template <typename Wrong>
OpDef WithKernel(Wrong) {
  static constexpr Kernel kKernels[] = {
      {"wrong", [](const LocalCall&) { return absl::OkStatus(); }, nullptr,
       [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
         return MakeSimpleKernel(Wrong());
       }}};
  OpDef op = MatmulOp();
  op.kernels.value = kKernels;
  return op;
}

using Inputs = absl::Span<const std::byte* const>;

TEST(FaultsAreFound, AKernelThatRoundsOneInputToEightBits) {
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    std::vector<float> a(NumElements(at.in[0]));
    std::vector<uint16_t> narrow(a.size());
    LoadAsFloat(DType::kF32, in[0], a.size(), a.data());
    StoreFromFloat(DType::kBF16, a.data(), a.size(), narrow.data());
    LoadAsFloat(DType::kBF16, narrow.data(), a.size(), a.data());
    const std::byte* rounded[] = {reinterpret_cast<std::byte*>(a.data()), in[1]};
    ReferenceKernel()->Run(at, rounded, out);
  });
  EXPECT_THAT(FindKernelFault(op, Sample()), HasSubstr("off by"));
}

TEST(FaultsAreFound, AKernelThatWritesPastItsOutput) {
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    ReferenceKernel()->Run(at, in, out);
    out[NumElements(at.out) * 4] = std::byte{0};
  });
  EXPECT_THAT(FindKernelFault(op, Sample()), HasSubstr("writes outside its output"));
}

TEST(FaultsAreFound, AKernelThatWritesIntoAnInput) {
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    ReferenceKernel()->Run(at, in, out);
    *const_cast<std::byte*>(in[1]) ^= std::byte{1};
  });
  EXPECT_THAT(FindKernelFault(op, Sample()), HasSubstr("changes input 1"));
}

TEST(FaultsAreFound, AKernelThatForgetsTheLastElement) {
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    const int64_t last = NumElements(at.out) * 4 - 4;
    const std::vector<std::byte> before(out + last, out + last + 4);
    ReferenceKernel()->Run(at, in, out);
    std::copy(before.begin(), before.end(), out + last);
  });
  EXPECT_THAT(FindKernelFault(op, Sample()), HasSubstr("element 14 is nan"));
}

TEST(FaultsAreFound, AKernelThatIsRightForTheWholeOnly) {
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    ReferenceKernel()->Run(at, in, out);
    if (at.out[0].begin > 0) *reinterpret_cast<float*>(out) += 1;
  });
  EXPECT_THAT(FindKernelFault(op, Sample()),
              HasSubstr("kernel wrong on factors [2,5)"));
}

TEST(FaultsAreFound, KernelsThatMayNotShareAKey) {
  // Right for calls of the extents it was prepared for, and no others.
  struct Stale : PreparedKernel {
    Dims prepared_for;
    void Run(const LocalCall& at, Inputs in, std::byte* out) const override {
      ReferenceKernel()->Run(at, in, out);
      if (Extents(at.factors) != prepared_for) *reinterpret_cast<float*>(out) += 1;
    }
  };
  static constexpr Kernel kKernels[] = {
      {"stale", [](const LocalCall&) { return absl::OkStatus(); },
       [](const LocalCall&) { return std::string("one key for all"); },
       [](const LocalCall& at) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
         auto kernel = std::make_shared<Stale>();
         kernel->prepared_for = Extents(at.factors);
         return kernel;
       }}};
  OpDef op = MatmulOp();
  op.kernels.value = kKernels;
  EXPECT_THAT(FindKernelFault(op, Sample()), HasSubstr("kernel stale"));
}

TEST(FaultsAreFound, AKernelThatRefusesEverySample) {
  static constexpr Kernel kKernel = {
      "shy", [](const LocalCall&) { return absl::UnimplementedError("not today"); },
      nullptr,
      [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
        return ReferenceKernel();
      }};
  OpDef op = MatmulOp();
  op.kernels.value = absl::MakeConstSpan(&kKernel, 1);
  EXPECT_EQ(FindKernelFault(op, Sample()), "");
  EXPECT_THAT(
      FindUntestedKernelFault(op, kKernel),
      HasSubstr("kernel shy of matmul supports no sample, so nothing tests it"));
  EXPECT_EQ(FindUntestedKernelFault(MatmulOp(), (*MatmulOp().kernels)[0]), "");
}

TEST(FaultsAreFound, AnOutputWrittenBeforeTheInputIsRead) {
  // Square matrices: C has the type of A, and row i of C overwrites row i of A while
  // column 1 still needs it.
  const OpSample square = {
      "square",
      {TensorType{DType::kF32, {4, 4}}, TensorType{DType::kF32, {4, 4}}},
      Sample().attrs};
  OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    const auto *a = reinterpret_cast<const float*>(in[0]),
               *b = reinterpret_cast<const float*>(in[1]);
    auto* c = reinterpret_cast<float*>(out);
    const int64_t m = at.out[0].size(), n = at.out[1].size(), k = at.in[0][1].size();
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        float sum = 0;
        for (int64_t x = 0; x < k; ++x) sum += a[i * k + x] * b[x * n + j];
        c[i * n + j] = sum;
      }
    }
  });
  EXPECT_EQ(FindOverwriteFault(op, square), "");
  op.may_overwrite.value = 0;
  EXPECT_THAT(FindOverwriteFault(op, square),
              HasSubstr("another result in the buffer of input 0"));
}

// A kernel that runs the reference and then changes the first element by `factor`.
template <typename Factor>
OpDef WithFirstElementTimes(OpDef op, Factor) {
  static constexpr Kernel kKernels[] = {
      {"nudged", [](const LocalCall&) { return absl::OkStatus(); }, nullptr,
       [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
         return MakeSimpleKernel([](const LocalCall& at, Inputs in, std::byte* out) {
           ReferenceKernel()->Run(at, in, out);
           *reinterpret_cast<float*>(out) *= Factor::value;
         });
       }}};
  op.kernels.value = kKernels;
  return op;
}
struct OneUlpMore {
  static constexpr float value = 1 + 0x1p-23f;
};
struct ThirtyUlpsMore {
  static constexpr float value = 1 + 0x1.ep-19f;
};

TEST(FaultsAreFound, AnExactOpOffByOneBit) {
  const OpSample sample = (*SpreadOp().samples)()[1];
  EXPECT_EQ(FindKernelFault(SpreadOp(), sample), "");
  EXPECT_THAT(FindKernelFault(WithFirstElementTimes(SpreadOp(), OneUlpMore()), sample),
              HasSubstr("exact is"));
}

TEST(FaultsAreFound, AnOpOffByMoreUlpsThanDeclared) {
  const OpSample sample = (*SigmoidOp().samples)()[1];
  EXPECT_EQ(FindKernelFault(SigmoidOp(), sample), "");
  // The bound is in ulps of the operand, up to 4: eight of those of the result.
  EXPECT_THAT(
      FindKernelFault(WithFirstElementTimes(SigmoidOp(), ThirtyUlpsMore()), sample),
      HasSubstr("off by"));
}

TEST(FaultsAreFound, AnErrorBesideALargeStep) {
  // The step lies in [0, 1000] and the operands in [-1, 1]: a bound in ulps of the step
  // would allow the error.
  const OpSample sample = (*DropoutOp().samples)()[2];  // keeps every element
  EXPECT_EQ(FindKernelFault(DropoutOp(), sample), "");
  EXPECT_THAT(
      FindKernelFault(WithFirstElementTimes(DropoutOp(), ThirtyUlpsMore()), sample),
      HasSubstr("off by"));
}

TEST(FaultsAreFound, AStorageRoundingThatIsNotToNearest) {
  // bf16 results one unit in the last place too large.
  OpSample sample = Sample();
  for (TensorType& type : sample.in) type.dtype = DType::kBF16;
  EXPECT_EQ(FindKernelFault(MatmulOp(), sample), "");
  const OpDef op = WithKernel([](const LocalCall& at, Inputs in, std::byte* out) {
    ReferenceKernel()->Run(at, in, out);
    for (int64_t i = 0; i < NumElements(at.out); ++i) {
      reinterpret_cast<uint16_t*>(out)[i] += 1;
    }
  });
  EXPECT_THAT(FindKernelFault(op, sample), HasSubstr("off by"));
}

TEST(FaultsAreFound, ARuleWhoseOutputRepeatsAFactor) {
  const OpCall call{&MatmulOp(), Sample().attrs, Sample().in,
                    *(*MatmulOp().infer)(Sample().attrs, Sample().in)};
  IndexRule rule = (*MatmulOp().rule)(call);
  EXPECT_EQ(FindRuleFault(rule, call.in, call.out), "");
  rule.output[1] = rule.output[0];
  EXPECT_EQ(FindRuleFault(rule, call.in, call.out), "output dim 1 repeats a factor");
}

TEST(FaultsAreFound, AListWithTwoOpsOfOneName) {
  const OpDef* const ops[] = {&MatmulOp(), &ReluOp(), &MatmulOp()};
  EXPECT_EQ(FindListFault(ops), "two ops matmul");
}

TEST(FaultsAreFound, AnOpWithoutSamples) {
  OpDef op = MatmulOp();
  op.samples.value = [] { return std::vector<OpSample>(); };
  const OpDef* const ops[] = {&op};
  EXPECT_EQ(FindListFault(ops), "matmul has no sample");
}

}  // namespace
}  // namespace tatami::conformance
