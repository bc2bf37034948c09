#include "core/proto/chakra.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

using std::string_literals::operator""s;

// Version "0.0.4" and no attributes: 8 bytes, so that the first node's length is byte 8
// and its first field byte 9.
const std::string& Start() {
  static const auto* const kStart = new std::string("\x07\x0a\x05"s + "0.0.4");
  return *kStart;
}

void ExpectRefused(const std::string& bytes, absl::string_view what) {
  const auto trace = ParseChakra(bytes, "a.et");
  ASSERT_FALSE(trace.ok()) << what;
  EXPECT_EQ(trace.status().message(),
            absl::StrCat("E0402: cannot read trace 'a.et': ", what,
                         ". Write it again as Chakra schema 0.0.4."));
}

// A value of each kind that the schema has.
ChakraAttributes AllKinds() {
  ChakraAttributes out;
  for (int field = 3; field <= 32; ++field) {
    ChakraAttribute a{absl::StrCat("kind", field), static_cast<ChakraKind>(field)};
    const bool list = field % 2 == 0;
    if (field == 28) {
      a.value = std::vector<bool>{true, false, true};
    } else if (list || field >= 29) {
      a.value = std::string("\x08\x00\xff", 3);
    } else if (field <= 5) {
      a.value = field == 3 ? 0.1 : 0.5;  // a float holds 0.5
    } else if (field == 27) {
      a.value = true;
    } else if (field == 11 || field == 13 || field == 19 || field == 21) {
      const bool wide = field == 13 || field == 21;
      a.value = wide ? ~uint64_t{0} : uint64_t{0xffffffffu};
    } else {
      const bool wide = field == 9 || field == 17 || field == 25;
      a.value = wide ? std::numeric_limits<int64_t>::min()
                     : int64_t{std::numeric_limits<int32_t>::min()};
    }
    out.push_back(std::move(a));
  }
  return out;
}

ChakraTrace SmallTrace() {
  ChakraTrace trace;
  trace.attributes = {ChakraAttribute::String("who", "test"),
                      ChakraAttribute::Bools("none", {})};
  trace.nodes = {
      {.id = 7, .name = "first", .type = ChakraNodeType::kMemLoad},
      {.id = ~uint64_t{0},
       .name = "second",
       .type = ChakraNodeType::kCompute,
       .control_deps = {7},
       .start_us = 3,
       .duration_us = uint64_t{1} << 40,
       .attributes = AllKinds()},
      {.id = 0,
       .name = "third",
       .type = ChakraNodeType::kCollective,
       .control_deps = {~uint64_t{0}, 7},
       .data_deps = {7},
       .attributes = {ChakraAttribute::Int("comm_size", 64)}},
  };
  return trace;
}

TEST(Chakra, EveryKindOfValueIsReadBack) {
  const ChakraTrace trace = SmallTrace();
  const auto read = ParseChakra(SerializeChakra(trace), "a.et");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, trace);
}

TEST(Chakra, IsTheWireFormOfTheSchema) {
  ChakraTrace trace;
  trace.nodes = {{.id = 1,
                  .name = "n",
                  .type = ChakraNodeType::kCompute,
                  .duration_us = 300,
                  .attributes = {ChakraAttribute::Bool("c", false)}}};
  // id, name, type, start and duration, and an attribute: name, and bool as field 27.
  const std::string node =
      "\x08\x01\x12\x01n\x18\x04\x30\x00\x38\xac\x02\x52\x06\x0a\x01"
      "c\xd8\x01\x00"s;
  EXPECT_EQ(SerializeChakra(trace),
            Start() + std::string(1, static_cast<char>(node.size())) + node);
}

TEST(Chakra, NodesComeAfterThoseTheyDependOn) {
  ChakraTrace trace;
  trace.nodes = {{.id = 3, .control_deps = {1}, .data_deps = {2}},
                 {.id = 2, .control_deps = {1}},
                 {.id = 9},
                 {.id = 1}};
  const auto read = ParseChakra(SerializeChakra(trace), "a.et");
  ASSERT_TRUE(read.ok()) << read.status();
  std::vector<uint64_t> ids;
  for (const ChakraNode& node : read->nodes) ids.push_back(node.id);
  EXPECT_EQ(ids, (std::vector<uint64_t>{9, 1, 2, 3}));
}

TEST(Chakra, RefusalsNameTheByte) {
  ExpectRefused("", "byte 0: a number is cut short");
  ExpectRefused(Start().substr(0, 6),
                "byte 0: a message of 7 bytes, where the file has 5 more");
  ExpectRefused("\x07\x0a\x05"s + "0.0.5",
                "byte 1: the trace is of schema version '0.0.5', not 0.0.4");
  ExpectRefused("\x00"s, "byte 1: the trace is of schema version '', not 0.0.4");
  ExpectRefused(Start() + "\x80", "byte 8: a number is cut short");
  ExpectRefused(Start() + std::string(10, '\xff'),
                "byte 8: a number has more than 64 bits");
  ExpectRefused(Start() + "\x02\x60\x00"s,
                "byte 9: field 12 of ChakraNode, which the schema has not");
  ExpectRefused(Start() + "\x03\x0a\x01x",
                "byte 9: field 1 of ChakraNode (id) has wire type 2, not 0");
  ExpectRefused(Start() + "\x06\x08\x01\x52\x02\x18\x01",
                "byte 13: field 3 of ChakraAttribute (double_value) has wire type 0, "
                "not 1");
  ExpectRefused(Start() + "\x03\x12\x09x",
                "byte 9: a field of 9 bytes, where its message has 1 more");
  ExpectRefused(Start() + "\x03\x22\x01\x80",
                "byte 9: no ChakraNode: a list in it is damaged");
}

TEST(Chakra, RefusalsNameTheNode) {
  ExpectRefused(Start() + "\x05\x52\x03\x0a\x01" + "a",
                "byte 9: attribute 'a' has no value in node 0");
  ExpectRefused(Start() + "\x02\x18\x0b",
                "byte 9: node 0 is of type 11, which the schema has not");
  ExpectRefused(Start() + "\x02\x08\x01\x02\x08\x01", "byte 12: two nodes have id 1");
  ExpectRefused(Start() + "\x04\x08\x01\x20\x07",
                "byte 9: node 1 depends on 7, which is not in the trace");
  // Node 3 stands alone; 1 and 2 wait for one another, one list packed and one not.
  ExpectRefused(Start() + "\x02\x08\x03\x04\x08\x01\x20\x02\x05\x08\x02\x2a\x01\x01",
                "byte 12: node 1 depends on itself, or on one that does");
}

// A file cut anywhere is refused, unless it is cut between two nodes.
TEST(Chakra, CutShortIsRefused) {
  const ChakraTrace trace = SmallTrace();
  const std::string bytes = SerializeChakra(trace);
  size_t read = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto part = ParseChakra(bytes.substr(0, size), "a.et");
    if (!part.ok()) continue;
    ++read;
    ChakraTrace want = trace;
    want.nodes.resize(part->nodes.size());
    EXPECT_EQ(*part, want) << size;
  }
  EXPECT_EQ(read, trace.nodes.size());
}

// No byte that is another crashes the reader, and what it accepts can be written.
TEST(Chakra, DamageIsRefusedOrReadBack) {
  const std::string bytes = SerializeChakra(SmallTrace());
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {1, 2, 8, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      const auto read = ParseChakra(damaged, "a.et");
      if (!read.ok()) {
        ++refused;
        EXPECT_EQ(GetErrorCode(read.status()), ErrorCode::kDataUnreadable);
        continue;
      }
      const auto again = ParseChakra(SerializeChakra(*read), "a.et");
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->nodes.size(), read->nodes.size());
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()));
}

}  // namespace
}  // namespace tatami
