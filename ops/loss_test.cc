// Losses against PyTorch 1.13 in double. The expected numbers were printed once by
//   import torch.nn.functional as F; torch.set_default_dtype(torch.float64)
// with the tensors below; the call is beside each number. m is the mask.
#include "ops/loss.h"

#include <cmath>

#include "gtest/gtest.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

class LossTest : public testing::Test {
 protected:
  Value Give(absl::string_view name, Dims dims, std::vector<double> numbers,
             DType dtype = DType::kF32) {
    const Value v = g_.Input(name, {dtype, std::move(dims)});
    given_[v.id] = std::move(numbers);
    return v;
  }
  double Number(Value loss) {
    EXPECT_EQ(g_.type(loss).ToString(), "f32[]");
    const auto graph = g_.Finish();
    EXPECT_TRUE(graph.ok()) << graph.status();
    if (!graph.ok()) return NAN;
    return (*InterpretF64(*graph, given_))[loss.id][0];
  }

  GraphBuilder g_{"loss"};
  std::map<int, std::vector<double>> given_;
  Value p_ = Give("p", {4}, {0.5, -1.2, 2.0, 0.1});
  Value t_ = Give("t", {4}, {0.1, -1.0, 0.5, 0.3});
  Value m_ = Give("m", {4}, {1, 0, 1, 1});
  Value none_ = Give("none", {4}, {0, 0, 0, 0});
  Value share_ = Give("share", {4}, {1, 0, 0.25, 1});
  Value x_ = Give("x", {3, 3}, {0.2, -1.0, 0.7, 1.5, 0.3, -0.2, -0.6, 0.9, 0.4});
  Value l_ = Give("l", {3}, {2, 0, 1}, DType::kI32);
};

constexpr double kPrinted = 1e-11;  // the expected numbers have twelve digits

TEST_F(LossTest, Mse) {  // F.mse_loss(p, t)
  EXPECT_NEAR(Number(MseLoss(g_, p_, t_)), 0.6225, kPrinted);
}
TEST_F(LossTest, MaskedMse) {  // (((p - t)**2) * m).sum() / m.sum()
  EXPECT_NEAR(Number(MaskedMseLoss(g_, p_, t_, m_)), 0.816666666667, kPrinted);
}
TEST_F(LossTest, SmoothL1) {  // F.smooth_l1_loss(p, t, beta=0.7)
  EXPECT_NEAR(Number(SmoothL1Loss(g_, p_, t_, 0.7)), 0.330357142857, kPrinted);
}
TEST_F(LossTest, MaskedSmoothL1) {  // (.. reduction='none' * m).sum() / m.sum()
  EXPECT_NEAR(Number(MaskedSmoothL1Loss(g_, p_, t_, m_, 0.7)), 0.430952380952,
              kPrinted);
}
TEST_F(LossTest, Bce) {  // F.binary_cross_entropy_with_logits(p, share)
  EXPECT_NEAR(Number(BceWithLogitsLoss(g_, p_, share_)), 0.752171030659, kPrinted);
}
TEST_F(LossTest, MaskedBce) {  // (.. reduction='none' * m).sum() / m.sum()
  EXPECT_NEAR(Number(MaskedBceWithLogitsLoss(g_, p_, share_, m_)), 0.915133885099,
              kPrinted);
}
TEST_F(LossTest, CrossEntropy) {  // F.cross_entropy(x, l)
  EXPECT_NEAR(Number(SoftmaxCrossEntropyLoss(g_, x_, l_)), 0.526855292834, kPrinted);
}
TEST_F(LossTest, CrossEntropyIgnoring) {  // F.cross_entropy(x, l, ignore_index=0)
  EXPECT_NEAR(Number(SoftmaxCrossEntropyLoss(g_, x_, l_, {.ignore_label = 0})),
              0.592953562658, kPrinted);
}
TEST_F(LossTest, CrossEntropySmoothed) {  // F.cross_entropy(x, l, label_smoothing=0.1)
  EXPECT_NEAR(Number(SoftmaxCrossEntropyLoss(g_, x_, l_, {.label_smoothing = 0.1})),
              0.605744181723, kPrinted);
}
TEST_F(LossTest, CrossEntropySmoothedIgnoring) {  // both
  EXPECT_NEAR(Number(SoftmaxCrossEntropyLoss(
                  g_, x_, l_, {.ignore_label = 0, .label_smoothing = 0.1})),
              0.662953562658, kPrinted);
}

TEST_F(LossTest, AMaskThatSelectsNothingGivesZero) {
  EXPECT_EQ(Number(MaskedMseLoss(g_, p_, t_, none_)), 0);
}

TEST_F(LossTest, AMaskThatBroadcastsCountsEveryElementItSelects) {
  const Value column = Give("column", {3, 1}, {1, 0, 1});
  // Rows 0 and 2 of x against 0: the squares sum to 2.86 over six elements.
  const Value zero = Give("zero", {3, 3}, std::vector<double>(9, 0));
  EXPECT_NEAR(Number(MaskedMseLoss(g_, x_, zero, column)), 2.86 / 6, 1e-15);
}

TEST_F(LossTest, ALabelOutOfRangeIsNotANumber) {
  const Value wrong = Give("wrong", {3}, {2, 3, 1}, DType::kI32);
  EXPECT_TRUE(std::isnan(Number(SoftmaxCrossEntropyLoss(g_, x_, wrong))));
}

TEST_F(LossTest, BceOfHugeLogitsIsFinite) {
  const Value huge = Give("huge", {4}, {1e4, -1e4, 1e4, -1e4});
  const Value ones = Give("ones", {4}, {1, 0, 0, 1});
  EXPECT_EQ(Number(BceWithLogitsLoss(g_, huge, ones)), 5000);
}

TEST_F(LossTest, LabelsThatAreNotIntegersAreRefused) {
  SoftmaxCrossEntropyLoss(g_, x_, x_);
  EXPECT_EQ(g_.Finish().status().message(),
            "E0107: cross entropy needs floating logits [..,classes] and i32 labels "
            "[..]; got f32[3,3] f32[3,3] (in cross_entropy)");
}

}  // namespace
}  // namespace tatami
