// Chakra execution traces, schema version 0.0.4, as plain values: nodes with
// dependencies and named attributes, one trace for what one rank does.
// docs/simulator.md says which of them we write and how others are read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

enum class ChakraNodeType : uint8_t {
  kInvalid,
  kMetadata,
  kMemLoad,
  kMemStore,
  kCompute,
  kSend,
  kReceive,
  kCollective,
  kStorage,
  kBatch,
  kCheckpoint,
};
// As the schema names it: "COMP_NODE".
absl::string_view ChakraNodeTypeName(ChakraNodeType type);

// The schema's numbers for `comm_type`.
enum class ChakraCollective : int64_t {
  kAllReduce = 0,
  kAllGather = 2,
  kAllToAll = 6,
  kReduceScatter = 7,
};

// What kind of value an attribute has on the wire: its field number in the schema,
// 3 to 32. Those that we write have a name here.
enum class ChakraKind : uint8_t {
  kDouble = 3,
  kInt64 = 9,
  kUint64 = 13,
  kBool = 27,
  kBools = 28,
  kString = 29,
};

// Doubles also for floats, integers for every width. Bytes, and lists other than of
// bools, are strings: lists as they lie on the wire.
using ChakraValue =
    std::variant<double, int64_t, uint64_t, bool, std::vector<bool>, std::string>;

struct ChakraAttribute {
  std::string name;
  ChakraKind kind = ChakraKind::kDouble;
  ChakraValue value;
  friend bool operator==(const ChakraAttribute&, const ChakraAttribute&) = default;

  static ChakraAttribute Double(std::string name, double value);
  static ChakraAttribute Int(std::string name, int64_t value);
  static ChakraAttribute Uint(std::string name, uint64_t value);
  static ChakraAttribute Bool(std::string name, bool value);
  static ChakraAttribute Bools(std::string name, std::vector<bool> value);
  static ChakraAttribute String(std::string name, std::string value);
};
using ChakraAttributes = std::vector<ChakraAttribute>;

// Null or none where there is no attribute of this name and kind. Counts may be of any
// integer kind, as writers differ; a negative one is none.
const ChakraAttribute* FindAttribute(const ChakraAttributes& attributes,
                                     absl::string_view name);
std::optional<double> DoubleOf(const ChakraAttributes& attributes,
                               absl::string_view name);
std::optional<int64_t> CountOf(const ChakraAttributes& attributes,
                               absl::string_view name);
std::optional<std::string> StringOf(const ChakraAttributes& attributes,
                                    absl::string_view name);

struct ChakraNode {
  uint64_t id = 0;
  std::string name;
  ChakraNodeType type = ChakraNodeType::kInvalid;
  std::vector<uint64_t> control_deps, data_deps;  // ids of nodes that come before
  uint64_t start_us = 0, duration_us = 0;
  ChakraAttributes attributes;
  friend bool operator==(const ChakraNode&, const ChakraNode&) = default;
};

struct ChakraTrace {
  ChakraAttributes attributes;  // of the whole
  std::vector<ChakraNode> nodes;
  friend bool operator==(const ChakraTrace&, const ChakraTrace&) = default;
};

// The bytes of an .et file. Equal traces give equal bytes. REQUIRES: each value is of
// its kind.
std::string SerializeChakra(const ChakraTrace& trace);

// Nodes come in the order of the file, but after those that they depend on. What a node
// says of inputs and outputs, and what attributes say in doc strings, is not kept.
// Strict: a file cut short, another version, a field that the schema has not or has
// with another wire type, an attribute without a value, an id given twice, a dependency
// on no node or in a circle: each is E0402 and names `source` and the byte.
absl::StatusOr<ChakraTrace> ParseChakra(absl::string_view bytes,
                                        absl::string_view source);

}  // namespace tatami
