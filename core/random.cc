#include "core/random.h"

#include <cmath>
#include <numbers>

namespace tatami {

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> c,
                                   std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

namespace {

std::array<uint32_t, 4> Draw(uint64_t seed, uint64_t stream, uint64_t index) {
  return Philox4x32(
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
       static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

double Unit(uint32_t high, uint32_t low) {
  return static_cast<double>(((uint64_t{high} << 32) | low) >> 11) * 0x1.0p-53;
}

}  // namespace

uint64_t RandomBits(uint64_t seed, uint64_t stream, uint64_t index) {
  const auto r = Draw(seed, stream, index);
  return (uint64_t{r[0]} << 32) | r[1];
}

double RandomUniform(uint64_t seed, uint64_t stream, uint64_t index) {
  const auto r = Draw(seed, stream, index);
  return Unit(r[0], r[1]);
}

double RandomNormal(uint64_t seed, uint64_t stream, uint64_t index) {
  const auto r = Draw(seed, stream, index);
  const double u = 1.0 - Unit(r[0], r[1]);  // in (0, 1]
  return std::sqrt(-2 * std::log(u)) *
         std::cos(2 * std::numbers::pi * Unit(r[2], r[3]));
}

uint64_t StreamOf(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

}  // namespace tatami
