// Headers that lie: each is refused with a reason and without a large allocation.
#include "runtime/checkpoint/safetensors.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <new>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {
std::atomic<size_t> largest_allocation_bytes{0};
}  // namespace

// Replaced for the whole test, to see the largest request. Not inlined: the compiler
// would take the malloc inside for a mismatch.
[[gnu::noinline]] void* operator new(size_t bytes) {
  size_t largest = largest_allocation_bytes;
  while (largest < bytes &&
         !largest_allocation_bytes.compare_exchange_weak(largest, bytes)) {
  }
  if (void* const p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace tatami {
namespace {

using ::testing::HasSubstr;

std::string File(uint64_t length, absl::string_view header, size_t data_bytes) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return absl::StrCat(file, header, std::string(data_bytes, 'x'));
}

absl::StatusOr<SafetensorsHeader> Read(const std::string& content) {
  PosixStorage disk;
  const std::string path =
      absl::StrCat(testing::TempDir(), "/tatami_header_", getpid(), ".safetensors");
  EXPECT_EQ(disk.Write(path, {AsBytes(content)}), absl::OkStatus());
  auto header = ReadSafetensorsHeader(disk, path);
  EXPECT_EQ(disk.Remove(path), absl::OkStatus());
  return header;
}

void ExpectRefused(const std::string& content, absl::string_view reason) {
  largest_allocation_bytes = 0;
  const absl::Status status = Read(content).status();
  // A parsed value takes 16 bytes and its text at least one; the rest is for messages.
  EXPECT_LT(largest_allocation_bytes, 16 * content.size() + (size_t{1} << 16))
      << reason;
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kCheckpointCorrupt) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(reason)));
}

void ExpectHeaderRefused(absl::string_view header, size_t data_bytes,
                         absl::string_view reason) {
  ExpectRefused(File(header.size(), header, data_bytes), reason);
}

TEST(Safetensors, WhatIsEncodedIsRead) {
  const std::vector<SafetensorsEntry> entries = {
      {"a", {DType::kF32, {2, 3}}, 0, 24},
      {"empty", {DType::kI32, {0, 9}}, 24, 24},
      {"b \"quoted\"", {DType::kBF16, {}}, 24, 26}};
  const std::string head = EncodeSafetensorsHeader(entries);
  EXPECT_EQ(head.size() % 8, 0u);
  const auto header = Read(head + std::string(26, 'x'));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->data_offset, static_cast<int64_t>(head.size()));
  ASSERT_EQ(header->entries.size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(header->entries[i].name, entries[i].name);
    EXPECT_EQ(header->entries[i].type, entries[i].type);
    EXPECT_EQ(header->entries[i].begin, entries[i].begin);
    EXPECT_EQ(header->entries[i].end, entries[i].end);
  }
}

TEST(Safetensors, LyingLengthsAreRefused) {
  ExpectRefused("", "it has 0 bytes");
  ExpectRefused("1234567", "it has 7 bytes");
  for (const uint64_t length :
       {uint64_t{3}, uint64_t{99'999'999}, uint64_t{1} << 32, uint64_t{1} << 62,
        uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()}) {
    ExpectRefused(File(length, "{}", 0),
                  absl::StrCat("its header claims ", length, " bytes; at most 2"));
  }
}

// A sparse file that is long enough for the claim: the format's own limit holds.
TEST(Safetensors, HeadersAboveTheLimitAreNotRead) {
  PosixStorage disk;
  const std::string path =
      absl::StrCat(testing::TempDir(), "/tatami_sparse_", getpid(), ".safetensors");
  ASSERT_EQ(disk.Write(path, {AsBytes(File(100'000'001, "{}", 0))}), absl::OkStatus());
  std::filesystem::resize_file(path, 200'000'000);
  largest_allocation_bytes = 0;
  const absl::Status status = ReadSafetensorsHeader(disk, path).status();
  EXPECT_LT(largest_allocation_bytes, size_t{1} << 16);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("at most 100000000 are possible"));
  EXPECT_EQ(disk.Remove(path), absl::OkStatus());
}

TEST(Safetensors, TextThatIsNoHeaderIsRefused) {
  for (const absl::string_view text :
       {"", "{", "[]", "null", "{}x", "\xff\xfe", R"({"a":1,})", "{\"\xff\":1}"}) {
    ExpectHeaderRefused(text, 0, "is not a JSON object with unique keys");
  }
  ExpectHeaderRefused(std::string(60000, '['), 0, "is not a JSON object");
  ExpectHeaderRefused(
      R"({"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"a":{}})", 4,
      "unique keys");
}

TEST(Safetensors, EntriesThatDisagreeAreRefused) {
  const auto one = [](absl::string_view dtype, absl::string_view shape,
                      absl::string_view offsets) {
    return absl::StrCat(R"({"w":{"dtype":")", dtype, R"(","shape":)", shape,
                        R"(,"data_offsets":)", offsets, "}}");
  };
  EXPECT_TRUE(
      Read(File(one("F32", "[1]", "[0,4]").size(), one("F32", "[1]", "[0,4]"), 4))
          .ok());
  ExpectHeaderRefused(R"({"w":3})", 0, "tensor 'w': its header entry is not an object");
  ExpectHeaderRefused(one("F64", "[1]", "[0,8]"), 8, "dtype 'F64' is none of");
  ExpectHeaderRefused(one("F32", "3", "[0,4]"), 4, "it has no shape");
  ExpectHeaderRefused(one("F32", "[-1]", "[0,4]"), 4, "an entry that is not a count");
  ExpectHeaderRefused(one("F32", "[1.0]", "[0,4]"), 4, "an entry that is not a count");
  ExpectHeaderRefused(one("F32", "[1e400]", "[0,4]"), 4, "JSON object");
  ExpectHeaderRefused(one("F32", "[18446744073709551615]", "[0,4]"), 4, "not a count");
  ExpectHeaderRefused(one("F32", "[1]", "[0]"), 4, "not two numbers");
  ExpectHeaderRefused(one("F32", "[1]", "[4,0]"), 4, "not an interval");
  ExpectHeaderRefused(one("F32", "[1]", "[0,8]"), 8,
                      "its shape needs 4 bytes and data_offsets give 8");
  ExpectHeaderRefused(one("F32", "[4294967296,4294967296]", "[0,0]"), 0,
                      "more than 2^63 bytes");
  ExpectHeaderRefused(one("F32", "[1]", "[0,4]"), 5,
                      "need 4 bytes of data and the file "
                      "has 5");
  ExpectHeaderRefused(one("F32", "[1000000000000]", "[0,4000000000000]"), 4,
                      "need 4000000000000 bytes of data and the file has 4");
}

TEST(Safetensors, OverlapsAndHolesAreRefused) {
  const auto two = [](absl::string_view a, absl::string_view b) {
    return absl::StrCat(R"({"a":{"dtype":"I32","shape":[2],"data_offsets":)", a,
                        R"(},"b":{"dtype":"I32","shape":[2],"data_offsets":)", b, "}}");
  };
  EXPECT_TRUE(
      Read(File(two("[8,16]", "[0,8]").size(), two("[8,16]", "[0,8]"), 16)).ok());
  ExpectHeaderRefused(two("[0,8]", "[4,12]"), 12,
                      "tensor 'b' starts at byte 4 where 8 is due");
  ExpectHeaderRefused(two("[0,8]", "[0,8]"), 8,
                      "tensor 'b' starts at byte 0 where 8 is due");
  ExpectHeaderRefused(two("[0,8]", "[12,20]"), 20, "starts at byte 12 where 8 is due");
  ExpectHeaderRefused(two("[4,12]", "[12,20]"), 20, "starts at byte 4 where 0 is due");
}

}  // namespace
}  // namespace tatami
