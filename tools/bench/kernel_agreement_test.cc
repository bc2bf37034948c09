// Results agree up to the bounds that kernel_agreement.h promises, and no further.
#include "tools/bench/kernel_agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/batch_norm.h"
#include "ops/concat.h"
#include "ops/matmul.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

LocalCall Whole(const OpDef& op, Attrs attrs, std::vector<TensorType> in) {
  auto call = std::make_shared<OpCall>(OpCall{&op, std::move(attrs), std::move(in)});
  call->out = *(*op.infer)(call->attrs, call->in);
  const IndexRule rule = (*op.rule)(*call);
  return MakeLocalCall(std::move(call), rule, rule.WholeFactors());
}

LocalCall Product(DType dtype) {
  return Whole(MatmulOp(), {{"transpose_a", int64_t{0}}, {"transpose_b", int64_t{0}}},
               {{dtype, {1, 5}}, {dtype, {5, 2}}});
}

// Five products are ten flops: t = 12, and both sides may be off.
TEST(FindDisagreement, OfSumsGrowsWithTheirTerms) {
  const double gamma = 12 * 0x1p-24 / (1 - 12 * 0x1p-24);
  const float magnitude = 1024;
  const auto off_by = [&](double difference) {
    return FindDisagreement(Product(DType::kF32),
                            {.ours = {0, static_cast<float>(difference)},
                             .peer = {0, 0},
                             .magnitude = {magnitude, magnitude}});
  };
  EXPECT_EQ(off_by(1.99 * gamma * magnitude), "");
  EXPECT_THAT(off_by(2.01 * gamma * magnitude), HasSubstr("element 1 is "));
}

// Without a magnitude nothing is known of a sum's errors.
TEST(FindDisagreement, OfSumsWithoutMagnitudesIsAnyDifference) {
  EXPECT_NE(FindDisagreement(Product(DType::kF32),
                             {.ours = {1, 1}, .peer = {1, 1 + 0x1p-23f}}),
            "");
}

// 7 units of the largest magnitude, on each side.
TEST(FindDisagreement, OfUlpsGoesByTheLargestMagnitude) {
  const DType f32 = DType::kF32;
  const LocalCall norm =
      Whole(BatchNormOp(),
            {{"epsilon", 1e-5},
             {"activation", std::string()},
             {"statistics", std::string("batch")}},
            {{f32, {2, 1}}, {f32, {1}}, {f32, {1}}, {f32, {1}}, {f32, {1}}});
  const auto off_by = [&](double units) {
    return FindDisagreement(norm, {.ours = {static_cast<float>(4 * units * 0x1p-23), 0},
                                   .peer = {0, 0},
                                   .largest_input = 4});
  };
  EXPECT_EQ(off_by(13.9), "");
  EXPECT_NE(off_by(14.1), "");
}

// Half a unit of bf16's eight bits a side, beside what f32 adds.
TEST(FindDisagreement, OfBf16AllowsItsRounding) {
  const auto off_by = [&](double difference) {
    return FindDisagreement(Product(DType::kBF16),
                            {.ours = {1, static_cast<float>(1.5 + difference)},
                             .peer = {1, 1.5},
                             .magnitude = {0, 0}});
  };
  EXPECT_EQ(off_by(0x1p-7), "");
  EXPECT_NE(off_by(0x1p-7 + 0x1p-20), "");
}

TEST(FindDisagreement, OfCopiesIsAnyButTheSignOfZero) {
  const LocalCall joined = Whole(ConcatOp(), {{"dim", int64_t{0}}},
                                 {{DType::kF32, {1}}, {DType::kF32, {1}}});
  EXPECT_EQ(FindDisagreement(joined, {.ours = {-0.f, 3}, .peer = {0, 3}}), "");
  EXPECT_EQ(FindDisagreement(joined, {.ours = {2, 3}, .peer = {2, 3 + 0x1p-22f}}),
            "element 1 is 3 here and the peer's 3, allowed 0 apart");
  EXPECT_NE(FindDisagreement(joined, {.ours = {NAN, 3}, .peer = {2, 3}}), "");
  EXPECT_THAT(FindDisagreement(joined, {.ours = {2, 3}, .peer = {2}}),
              HasSubstr("elements"));
}

}  // namespace
}  // namespace tatami
