// What must hold for every op. Adding an op to AllOps() adds it here.
#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "ops/all_ops.h"
#include "tests/conformance/find_fault.h"
#include "tests/conformance/samples.h"

namespace tatami::conformance {
namespace {

struct Case {
  const OpDef* op;
  OpSample sample;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << *c.op->name;
  for (const TensorType& type : c.sample.in) *out << " " << type.ToString();
  *out << " {" << c.sample.attrs.ToString() << "}";
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const OpDef* op : AllOps()) {
    for (OpSample& sample : (*op->samples)()) cases.push_back({op, std::move(sample)});
  }
  return cases;
}

class OpConformance : public testing::TestWithParam<Case> {
 protected:
  const OpDef& op() const { return *GetParam().op; }
  const OpSample& sample() const { return GetParam().sample; }
};

TEST_P(OpConformance, EveryKernelIsWithinTheErrorBoundOfTheReference) {
  EXPECT_EQ(FindKernelFault(op(), sample()), "");
}

TEST_P(OpConformance, NarrowOperandsMayBeStoredInBF16) {
  EXPECT_EQ(FindNarrowFault(op(), sample()), "");
}

TEST_P(OpConformance, CostIsWhatTheReferenceDoes) {
  EXPECT_EQ(FindCostFault(op(), sample()), "");
}

TEST_P(OpConformance, GradientIsTheSlope) {
  EXPECT_EQ(FindGradientFault(op(), sample()), "");
}

TEST_P(OpConformance, EveryLegalCutGivesTheUncutAnswer) {
  EXPECT_EQ(FindCutFault(op(), sample()), "");
}

TEST_P(OpConformance, RuleHasNoFault) {
  const auto call = CallOfSample(op(), sample());
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(FindRuleFault((*op().rule)(**call), (*call)->in, (*call)->out), "");
}

TEST_P(OpConformance, MayOverwriteIsTrue) {
  EXPECT_EQ(FindOverwriteFault(op(), sample()), "");
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpConformance, testing::ValuesIn(AllCases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           return absl::StrCat(*info.param.op->name, "__",
                                               info.param.sample.name);
                         });

// Kernels that may go without a sample that they support, each with the reason.
struct KernelOfOp {
  absl::string_view op, kernel;
};
constexpr std::initializer_list<KernelOfOp> kUntestedKernels = {};

TEST(AllOps, EveryKernelSupportsASample) {
  for (const OpDef* op : AllOps()) {
    for (const Kernel& kernel : *op->kernels) {
      const bool excused = std::any_of(
          kUntestedKernels.begin(), kUntestedKernels.end(), [&](const KernelOfOp& k) {
            return k.op == *op->name && k.kernel == kernel.name;
          });
      const std::string fault = FindUntestedKernelFault(*op, kernel);
      if (excused) {
        EXPECT_NE(fault, "") << kernel.name << " of " << *op->name
                             << " is tested: take it off kUntestedKernels";
      } else {
        EXPECT_EQ(fault, "");
      }
    }
  }
}

TEST(AllOps, NamesAreUniqueAndEveryOpHasASample) {
  EXPECT_EQ(FindListFault(AllOps()), "");
  for (const OpDef* op : AllOps()) EXPECT_EQ(FindOp(*op->name), op);
}

}  // namespace
}  // namespace tatami::conformance
