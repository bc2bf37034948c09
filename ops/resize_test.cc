#include "ops/resize.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

// Made by PyTorch 1.13 in double precision:
//   x = [((7 i i + 3 i) % 23) / 4 - 2.5 for i in range(in_h in_w)]
//   y = F.interpolate(x, size, mode, align_corners=False)
//   d = [((5 i i + i) % 19) / 2 - 4 for i in range(out_h out_w)]; dx = grad(y, x, d)
struct TorchCase {
  ResizeMethod method;
  int64_t in_h, in_w, out_h, out_w;
  std::vector<double> y, dx;
};
const TorchCase kCases[] = {
    {ResizeMethod::kBilinear,
     2,
     3,
     4,
     5,
     {-2.5,
      -1.5000000000000002,
      0.0,
      0.14999999999999997,
      0.25,
      -2.3125,
      -1.4125,
      -0.0625,
      -0.0625,
      -0.0625,
      -1.9375,
      -1.2375,
      -0.1875,
      -0.48749999999999993,
      -0.6875,
      -1.75,
      -1.1500000000000001,
      -0.25,
      -0.7,
      -1.0},
     {0.9750000000000005, -3.0250000000000004, 1.9250000000000003, -0.6749999999999998,
      3.225, -6.424999999999999}},
    {ResizeMethod::kNearest,
     2,
     3,
     4,
     5,
     {-2.5,  -2.5,  0.0,   0.0,   0.25, -2.5,  -2.5,  0.0,   0.0,   0.25,
      -1.75, -1.75, -0.25, -0.25, -1.0, -1.75, -1.75, -0.25, -0.25, -1.0},
     {2.5, -4.5, 3.5, -2.0, 1.5, -5.0}},
    {ResizeMethod::kBilinear,
     5,
     4,
     3,
     3,
     {-1.5138888888888888, 0.20833333333333334, -0.22222222222222177,
      0.7916666666666665, 2.0, -0.5416666666666659, -1.7222222222222228,
      0.25000000000000044, 0.0694444444444452},
     {-2.2222222222222223,  -0.7777777777777777,   -0.6111111111111116,
      -1.3888888888888884,  -1.1111111111111114,   -0.3888888888888889,
      -0.30555555555555586, -0.6944444444444443,   0.8333333333333334,
      0.16666666666666663,  0.6666666666666679,    3.333333333333332,
      0.9722222222222214,   -0.055555555555555525, -0.3333333333333332,
      -0.4166666666666662,  1.9444444444444453,    -0.11111111111111127,
      -0.6666666666666673,  -0.8333333333333334}},
    {ResizeMethod::kNearest,
     5,
     4,
     3,
     3,
     {-2.5, 0.0, 0.25, -0.25, -1.0, 1.75, -0.25, -1.75, 0.25},
     {-4.0, -1.0, -2.5, 0.0,  1.0,  0.0, 4.0, 0.0, 0.0, 0.0,
      0.0,  0.0,  3.5,  -1.5, -1.5, 0.0, 0.0, 0.0, 0.0, 0.0}},
    {ResizeMethod::kBilinear,
     4,
     3,
     4,
     7,
     {-2.5,
      -2.1428571428571432,
      -1.0714285714285716,
      -2.7755575615628914e-16,
      0.1071428571428571,
      0.21428571428571425,
      0.25,
      -1.75,
      -1.5357142857142858,
      -0.8928571428571429,
      -0.25000000000000017,
      -0.5714285714285713,
      -0.8928571428571428,
      -1.0,
      1.75,
      1.8214285714285714,
      2.0357142857142856,
      2.2499999999999996,
      1.5000000000000004,
      0.7500000000000002,
      0.5,
      2.25,
      2.178571428571429,
      1.9642857142857144,
      1.75,
      0.571428571428572,
      -0.6071428571428568,
      -1.0},
     {-5.928571428571429, 5.551115123125783e-16, 6.928571428571429, -1.2857142857142851,
      5.928571428571428, -1.642857142857143, -5.285714285714286, 1.5714285714285703,
      -5.285714285714285, -1.6428571428571423, 5.928571428571429, -1.285714285714286}},
    {ResizeMethod::kNearest,
     4,
     3,
     4,
     7,
     {-2.5,  -2.5,  -2.5, 0.0,  0.0,  0.25, 0.25, -1.75, -1.75, -1.75,
      -0.25, -0.25, -1.0, -1.0, 1.75, 1.75, 1.75, 2.25,  2.25,  0.5,
      0.5,   2.25,  2.25, 2.25, 1.75, 1.75, -1.0, -1.0},
     {-7.5, 1.0, 7.5, 0.5, 4.0, -1.5, -7.0, 3.0, -5.0, -1.5, 7.5, -3.0}},
};

std::vector<double> Numbers(int64_t n, int64_t a, int64_t b, int64_t modulus,
                            double scale, double offset) {
  std::vector<double> out(n);
  for (int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<double>((a * i * i + b * i) % modulus) / scale - offset;
  }
  return out;
}

// PyTorch's source position is off by a few units of 2^-53 times its size (at most 5),
// so its weights are off by 2^-49 and sums of at most 28 products of at most 5 by
// 3e-13.
void ExpectClose(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 3e-13) << i;
}

TEST(Resize, GivesTheNumbersOfPyTorchForwardAndBackward) {
  for (const TorchCase& c : kCases) {
    GraphBuilder g("resize");
    const Value x = g.Input("x", {DType::kF32, {1, c.in_h, c.in_w, 1}});
    const Value d = g.Input("d", {DType::kF32, {1, c.out_h, c.out_w, 1}});
    const Value y = Resize(g, x, c.out_h, c.out_w, {.method = c.method});
    const Value dx = ResizeGrad(g, d, c.in_h, c.in_w, {.method = c.method});
    const auto graph = g.Finish();
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto values =
        InterpretF64(*graph, {{x.id, Numbers(c.in_h * c.in_w, 7, 3, 23, 4, 2.5)},
                              {d.id, Numbers(c.out_h * c.out_w, 5, 1, 19, 2, 4)}});
    ASSERT_TRUE(values.ok()) << values.status();
    ExpectClose((*values)[y.id], c.y);
    ExpectClose((*values)[dx.id], c.dx);
  }
}

// For all small sizes: taps are what the map promises, lie in the tensor, ascend and
// sum to one; the adjoint lists the same pairs.
TEST(ResizeAxis, MapsHoldAllTapsAndTheAdjointIsTheTranspose) {
  for (const ResizeMethod method : {ResizeMethod::kNearest, ResizeMethod::kBilinear}) {
    for (int64_t code = 0; code < 12 * 12; ++code) {
      const int64_t in = 1 + code % 12, out = 1 + code / 12;
      const ResizeAxis forward{method, ResizeDirection::kForward, in, out};
      const ResizeAxis adjoint{method, ResizeDirection::kAdjoint, in, out};
      std::vector<double> matrix(in * out), transpose(in * out);
      for (int64_t o = 0; o < out; ++o) {
        double sum = 0;
        for (const Tap& tap : forward.TapsOf(o)) {
          const Interval held = forward.Map().Apply({o, o + 1}, in);
          EXPECT_TRUE(held.Contains({tap.index, tap.index + 1})) << in << " to " << out;
          matrix[tap.index * out + o] = tap.weight;
          sum += tap.weight;
        }
        EXPECT_EQ(sum, 1) << in << " to " << out;  // w + (1 - w) rounds to 1
      }
      for (int64_t i = 0; i < in; ++i) {
        for (const Tap& tap : adjoint.TapsOf(i)) {
          transpose[i * out + tap.index] = tap.weight;
        }
      }
      EXPECT_EQ(matrix, transpose) << in << " to " << out;
    }
  }
}

TEST(Resize, RefusesWhatIsNoImage) {
  GraphBuilder g("resize");
  Resize(g, g.Input("x", {DType::kF32, {4, 4}}), 2, 2);
  EXPECT_EQ(g.Finish().status().message(),
            "E0107: resize needs one operand [N,H,W,C] or [N,T,H,W,C]; got f32[4,4] to "
            "2x2 (in resize_nearest)");
  GraphBuilder labels("resize");
  Resize(labels, labels.Input("x", {DType::kI32, {1, 4, 4, 1}}), 2, 2,
         {.method = ResizeMethod::kBilinear});
  EXPECT_EQ(labels.Finish().status().message(),
            "E0107: resize needs a floating operand; got i32[1,4,4,1] to 2x2 (in "
            "resize_bilinear)");
}

}  // namespace
}  // namespace tatami
