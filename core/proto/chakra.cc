#include "core/proto/chakra.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/proto/chakra.pb.h"
#include "core/proto/chakra_frames.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

using google::protobuf::FieldDescriptor;

constexpr absl::string_view kVersion = "0.0.4";

using ProtoAttributes = google::protobuf::RepeatedPtrField<proto::ChakraAttribute>;

void ToProto(const ChakraAttribute& attribute, proto::ChakraAttribute& out) {
  out.set_name(attribute.name);
  const FieldDescriptor* field =
      out.GetDescriptor()->FindFieldByNumber(static_cast<int>(attribute.kind));
  const auto* reflection = out.GetReflection();
  const ChakraValue& value = attribute.value;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetDouble(&out, field, std::get<double>(value));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->SetFloat(&out, field,
                                  static_cast<float>(std::get<double>(value)));
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(&out, field,
                                  static_cast<int32_t>(std::get<int64_t>(value)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(&out, field, std::get<int64_t>(value));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(&out, field,
                                   static_cast<uint32_t>(std::get<uint64_t>(value)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(&out, field, std::get<uint64_t>(value));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(&out, field, std::get<bool>(value));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      out.mutable_bool_list();  // present even if it is empty
      for (const bool v : std::get<std::vector<bool>>(value)) {
        out.mutable_bool_list()->add_values(v);
      }
      return;
    default:
      return reflection->SetString(&out, field, std::get<std::string>(value));
  }
}

ChakraValue ValueOf(const proto::ChakraAttribute& attribute,
                    const FieldDescriptor* field) {
  const auto* reflection = attribute.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetDouble(attribute, field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{reflection->GetFloat(attribute, field)};
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection->GetInt32(attribute, field)};
    case FieldDescriptor::CPPTYPE_INT64:
      return int64_t{reflection->GetInt64(attribute, field)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return uint64_t{reflection->GetUInt32(attribute, field)};
    case FieldDescriptor::CPPTYPE_UINT64:
      return uint64_t{reflection->GetUInt64(attribute, field)};
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(attribute, field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return std::vector<bool>(attribute.bool_list().values().begin(),
                               attribute.bool_list().values().end());
    default:
      return reflection->GetString(attribute, field);
  }
}

// The name of an attribute that has no value, or "".
std::string FromProto(const ProtoAttributes& attributes, ChakraAttributes& out) {
  for (const proto::ChakraAttribute& attribute : attributes) {
    const auto* value = attribute.GetDescriptor()->oneof_decl(0);
    const FieldDescriptor* field =
        attribute.GetReflection()->GetOneofFieldDescriptor(attribute, value);
    if (field == nullptr) {
      return absl::StrCat("attribute '", attribute.name(), "' has no value");
    }
    out.push_back({attribute.name(), static_cast<ChakraKind>(field->number()),
                   ValueOf(attribute, field)});
  }
  return "";
}

void ToProto(const ChakraNode& node, proto::ChakraNode& out) {
  out.set_id(node.id);
  out.set_name(node.name);
  out.set_type(static_cast<uint32_t>(node.type));
  out.mutable_control_deps()->Assign(node.control_deps.begin(),
                                     node.control_deps.end());
  out.mutable_data_deps()->Assign(node.data_deps.begin(), node.data_deps.end());
  out.set_start_us(node.start_us);
  out.set_duration_us(node.duration_us);
  for (const ChakraAttribute& a : node.attributes) ToProto(a, *out.add_attributes());
}

absl::StatusOr<ChakraNode> ReadNode(const chakra::Frame& frame,
                                    const chakra::File& file) {
  proto::ChakraNode node;
  TATAMI_RETURN_IF_ERROR(file.Parse(frame, node));
  if (node.type() > static_cast<uint32_t>(ChakraNodeType::kCheckpoint)) {
    return file.Refuse(frame.begin,
                       absl::StrCat("node ", node.id(), " is of type ", node.type(),
                                    ", which the schema has not"));
  }
  ChakraNode out{
      .id = node.id(),
      .name = node.name(),
      .type = static_cast<ChakraNodeType>(node.type()),
      .control_deps = {node.control_deps().begin(), node.control_deps().end()},
      .data_deps = {node.data_deps().begin(), node.data_deps().end()},
      .start_us = node.start_us(),
      .duration_us = node.duration_us()};
  const std::string fault = FromProto(node.attributes(), out.attributes);
  if (!fault.empty()) {
    return file.Refuse(frame.begin, absl::StrCat(fault, " in node ", node.id()));
  }
  return out;
}

}  // namespace

std::string SerializeChakra(const ChakraTrace& trace) {
  std::string out;
  proto::ChakraMetadata metadata;
  metadata.set_version(std::string(kVersion));
  for (const ChakraAttribute& a : trace.attributes) {
    ToProto(a, *metadata.add_attributes());
  }
  chakra::AppendFrame(metadata, out);
  for (const ChakraNode& node : trace.nodes) {
    proto::ChakraNode message;
    ToProto(node, message);
    chakra::AppendFrame(message, out);
  }
  return out;
}

absl::StatusOr<ChakraTrace> ParseChakra(absl::string_view bytes,
                                        absl::string_view source) {
  const chakra::File file(bytes, source);
  ChakraTrace out;
  TATAMI_ASSIGN_OR_RETURN(const chakra::Frame first, file.FrameAt(0));
  proto::ChakraMetadata metadata;
  TATAMI_RETURN_IF_ERROR(file.Parse(first, metadata));
  if (metadata.version() != kVersion) {
    return file.Refuse(first.begin,
                       absl::StrCat("the trace is of schema version '",
                                    metadata.version(), "', not ", kVersion));
  }
  const std::string fault = FromProto(metadata.attributes(), out.attributes);
  if (!fault.empty()) return file.Refuse(first.begin, fault);
  std::vector<size_t> starts;  // of the nodes, for messages
  for (size_t at = first.end; at < bytes.size();) {
    TATAMI_ASSIGN_OR_RETURN(const chakra::Frame frame, file.FrameAt(at));
    TATAMI_ASSIGN_OR_RETURN(out.nodes.emplace_back(), ReadNode(frame, file));
    starts.push_back(frame.begin);
    at = frame.end;
  }
  TATAMI_RETURN_IF_ERROR(chakra::OrderByDependencies(starts, file, out.nodes));
  return out;
}

absl::string_view ChakraNodeTypeName(ChakraNodeType type) {
  constexpr absl::string_view kNames[] = {
      "INVALID_NODE", "METADATA_NODE",  "MEM_LOAD_NODE",  "MEM_STORE_NODE",
      "COMP_NODE",    "COMM_SEND_NODE", "COMM_RECV_NODE", "COMM_COLL_NODE",
      "STORAGE_NODE", "BATCH_NODE",     "CHECKPOINT_NODE"};
  return kNames[static_cast<int>(type)];
}

ChakraAttribute ChakraAttribute::Double(std::string name, double value) {
  return {std::move(name), ChakraKind::kDouble, value};
}
ChakraAttribute ChakraAttribute::Int(std::string name, int64_t value) {
  return {std::move(name), ChakraKind::kInt64, value};
}
ChakraAttribute ChakraAttribute::Uint(std::string name, uint64_t value) {
  return {std::move(name), ChakraKind::kUint64, value};
}
ChakraAttribute ChakraAttribute::Bool(std::string name, bool value) {
  return {std::move(name), ChakraKind::kBool, value};
}
ChakraAttribute ChakraAttribute::Bools(std::string name, std::vector<bool> value) {
  return {std::move(name), ChakraKind::kBools, std::move(value)};
}
ChakraAttribute ChakraAttribute::String(std::string name, std::string value) {
  return {std::move(name), ChakraKind::kString, std::move(value)};
}

const ChakraAttribute* FindAttribute(const ChakraAttributes& attributes,
                                     absl::string_view name) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& a) { return a.name == name; });
  return found == attributes.end() ? nullptr : &*found;
}

std::optional<double> DoubleOf(const ChakraAttributes& attributes,
                               absl::string_view name) {
  const ChakraAttribute* a = FindAttribute(attributes, name);
  if (a == nullptr || !std::holds_alternative<double>(a->value)) return std::nullopt;
  return std::get<double>(a->value);
}

std::optional<int64_t> CountOf(const ChakraAttributes& attributes,
                               absl::string_view name) {
  const ChakraAttribute* a = FindAttribute(attributes, name);
  if (a == nullptr) return std::nullopt;
  int64_t count = -1;  // also of one that is above the largest int64_t
  if (const auto* v = std::get_if<int64_t>(&a->value)) count = *v;
  if (const auto* v = std::get_if<uint64_t>(&a->value)) {
    count = static_cast<int64_t>(*v);
  }
  return count < 0 ? std::nullopt : std::optional<int64_t>(count);
}

std::optional<std::string> StringOf(const ChakraAttributes& attributes,
                                    absl::string_view name) {
  const ChakraAttribute* a = FindAttribute(attributes, name);
  if (a == nullptr || a->kind != ChakraKind::kString) return std::nullopt;
  return std::get<std::string>(a->value);
}

}  // namespace tatami
