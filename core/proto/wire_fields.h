// What the wire forms share: framing (binary or text, format, version), and the
// conversion of the parts that graphs, plans and Programs have in common. Readers
// return E0104; the caller adds where, as TATAMI_RETURN_IF_ERROR's context.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/attrs.h"
#include "core/error.h"
#include "core/graph.h"
#include "core/live_mesh.h"
#include "core/proto/graph.pb.h"
#include "core/proto/plan.pb.h"
#include "core/proto/wire.h"
#include "core/sharding.h"

namespace tatami::wire {

constexpr int kVersion = 2;

// Nothing a mesh computes comes near these; products of two of them that the placement
// arithmetic makes stay below 2^63.
constexpr int64_t kElementsMax = int64_t{1} << 36;  // of one tensor, and of a factor
constexpr int64_t kMeshSideMax = int64_t{1} << 20;
constexpr int64_t kMeshNodesMax = int64_t{1} << 24;
constexpr int64_t kRankMax = 8;
constexpr int64_t kSramBytesMax = int64_t{1} << 50;

inline absl::Status BadField(absl::string_view what) {
  return MakeError(ErrorCode::kUnknownField, what);
}

// OK when lo <= value <= hi; else "`field` is 7; must be 0 to 4".
absl::Status CheckRange(absl::string_view field, int64_t value, int64_t lo, int64_t hi);
// An index into a list of `count` entries.
inline absl::Status CheckIndex(absl::string_view field, int64_t value, int64_t count) {
  return CheckRange(field, value, 0, count - 1);
}
// Printable ASCII without line breaks, not empty, at most 4096 bytes.
absl::Status CheckName(absl::string_view field, absl::string_view name);

// Sets the checksum, where the format has one: 16 hex digits of StreamOf (FNV-1a) over
// the binary form without it. Every field is covered, so a damaged file is refused
// before anything acts on it.
std::string Print(google::protobuf::Message& message, WireForm form);

// Reads either form into `message`: no unknown fields, none missing, format, version
// and (where it is given) checksum right. REQUIRES: fields format and version.
absl::Status Read(absl::string_view bytes, absl::string_view format,
                  google::protobuf::Message& message);

void ToProto(const TensorType& type, proto::TensorType& out);
absl::StatusOr<TensorType> FromProto(const proto::TensorType& type);

using AttributeList = google::protobuf::RepeatedPtrField<proto::Attribute>;
void ToProto(const Attrs& attrs, AttributeList& out);
// The attributes must be those of one of the op's samples, in name and type: an op's
// own functions may rely on that.
absl::StatusOr<Attrs> FromProto(const AttributeList& attributes, const OpDef& op);
absl::StatusOr<const OpDef*> ReadOp(absl::string_view name, OpLookup find_op);

// Part `index` of `count` of an input, where a part has this type: all of it is no
// larger than a tensor may be.
absl::StatusOr<InputPart> ReadPart(int64_t index, int64_t count,
                                   const TensorType& type);

void ToProto(const Init& init, proto::Init& out);
absl::StatusOr<Init> FromProto(const proto::Init& init);

void ToProto(const Mesh& mesh, proto::Mesh& out);
absl::StatusOr<Mesh> FromProto(const proto::Mesh& mesh);
// The rectangles that `mesh` is cut into: equal, and more than one.
absl::StatusOr<Mesh> ReadStages(const proto::Mesh& stages, const Mesh& mesh);

// A map that is not whole, of a grid of at most `nodes_max` nodes, in the one form that
// LiveMesh::ToString gives it.
absl::StatusOr<LiveMesh> ReadMap(absl::string_view text, int64_t nodes_max);

using AxisRefList = google::protobuf::RepeatedPtrField<proto::AxisRef>;
void ToProto(const AxisList& axes, AxisRefList& out);
// Sub-axes of `mesh` of which no two share a digit.
absl::StatusOr<AxisList> FromProto(const AxisRefList& axes, const Mesh& mesh);

}  // namespace tatami::wire
