#include "core/tensor_type.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/error.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

TEST(DType, NamesParseBackAndHaveTheirSizes) {
  for (DType d : {DType::kF32, DType::kBF16, DType::kI32}) {
    EXPECT_EQ(ParseDType(Name(d)).value(), d);
  }
  EXPECT_EQ(ByteSize(DType::kF32), 4);
  EXPECT_EQ(ByteSize(DType::kBF16), 2);
  EXPECT_EQ(ByteSize(DType::kI32), 4);
  const absl::Status unknown = ParseDType("f64").status();
  EXPECT_EQ(unknown.message(),
            "E0104: unknown element type 'f64'; known are f32, bf16 and i32");
  EXPECT_EQ(GetErrorCode(unknown), ErrorCode::kUnknownField);
}

TEST(TensorType, CountsElementsAndBytesAndPrints) {
  const TensorType t{DType::kBF16, {2, 3, 5}};
  EXPECT_EQ(t.num_elements(), 30);
  EXPECT_EQ(t.bytes(), 60);
  EXPECT_EQ(t.dim(-1), 5);
  EXPECT_EQ(t.dim(0), 2);
  EXPECT_EQ(t.ToString(), "bf16[2,3,5]");
  EXPECT_EQ((TensorType{DType::kI32, {}}).num_elements(), 1);
  EXPECT_EQ((TensorType{DType::kI32, {}}).ToString(), "i32[]");
  EXPECT_NE(t, (TensorType{DType::kF32, {2, 3, 5}}));
}

TEST(BF16, EveryNumberThatIsNotNaNSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FloatFromBF16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    EXPECT_EQ(BF16FromFloat(value), bits);
  }
}

// Between neighbours a < b of equal sign the midpoint goes to the even one, and a hair
// to either side goes to the nearer: checked for every finite pair, the overflow to
// infinity included (the pair of the largest finite number and infinity).
TEST(BF16, RoundsToNearestTiesToEven) {
  for (uint32_t sign : {0u, 0x8000u}) {
    for (uint32_t magnitude = 0; magnitude < 0x7f80; ++magnitude) {
      const uint32_t low = sign | magnitude, high = low + 1;
      const uint32_t middle = (low << 16) | 0x8000;
      const auto round = [](uint32_t bits) {
        return uint32_t{BF16FromFloat(std::bit_cast<float>(bits))};
      };
      EXPECT_EQ(round(middle), low % 2 == 0 ? low : high) << std::hex << middle;
      EXPECT_EQ(round(middle - 1), low) << std::hex << middle;
      EXPECT_EQ(round(middle + 1), high) << std::hex << middle;
    }
  }
}

TEST(BF16, NaNStaysNaNWhereverItsBitsAre) {
  const uint32_t nans[] = {0x7fc00000, 0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff};
  for (uint32_t bits : nans) {
    const float nan = std::bit_cast<float>(bits);
    ASSERT_TRUE(std::isnan(nan));
    EXPECT_TRUE(std::isnan(FloatFromBF16(BF16FromFloat(nan)))) << std::hex << bits;
    EXPECT_EQ(BF16FromFloat(nan) >> 15, bits >> 31) << "sign of " << std::hex << bits;
  }
}

TEST(BF16, ZeroAndInfinityKeepTheirSign) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(BF16FromFloat(inf), 0x7f80);
  EXPECT_EQ(BF16FromFloat(-inf), 0xff80);
  EXPECT_EQ(BF16FromFloat(0.0f), 0);
  EXPECT_EQ(BF16FromFloat(-0.0f), 0x8000);
}

TEST(Storage, LoadUndoesStoreForValuesTheTypeHolds) {
  const std::vector<float> values = {0, 1, -2, 96, -128, 3};
  for (DType d : {DType::kF32, DType::kBF16, DType::kI32}) {
    std::vector<std::byte> bytes(values.size() * ByteSize(d) + 1, std::byte{0x5a});
    std::vector<float> back(values.size());
    StoreFromFloat(d, values.data(), values.size(), bytes.data());
    LoadAsFloat(d, bytes.data(), values.size(), back.data());
    EXPECT_EQ(back, values) << Name(d);
    EXPECT_EQ(bytes.back(), std::byte{0x5a}) << Name(d) << " wrote past its end";
  }
}

TEST(Storage, IntegersAreStoredAsIntegers) {
  const float value = -7;
  int32_t stored = 0;
  StoreFromFloat(DType::kI32, &value, 1, &stored);
  EXPECT_EQ(stored, -7);
}

}  // namespace
}  // namespace tatami
