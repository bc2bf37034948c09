#include "core/proto/wire_fields.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/random.h"
#include "core/stages.h"
#include "core/status_macros.h"

namespace tatami::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Keeps the first error of the text form's parser; later ones follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (what_.empty()) {
      what_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
    }
  }
  const std::string& what() const { return what_; }

 private:
  std::string what_;
};

// The path of the first field that this schema does not know, or "".
std::string FindUnknownField(const Message& message) {
  const auto* const reflection = message.GetReflection();
  const auto& unknown = reflection->GetUnknownFields(message);
  if (!unknown.empty()) {
    return absl::StrCat("number ", unknown.field(0).number(), " of ",
                        message.GetDescriptor()->name());
  }
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const std::string found = FindUnknownField(
          field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                               : reflection->GetMessage(message, field));
      if (found.empty()) continue;
      return absl::StrCat(found, " in ", field->name(),
                          field->is_repeated() ? absl::StrCat("[", i, "]") : "");
    }
  }
  return "";
}

// The binary form starts with field 1, a string of the format's length.
std::string BinaryStart(absl::string_view format) {
  return absl::StrCat("\n", std::string(1, static_cast<char>(format.size())), format);
}

std::string BinaryForm(const Message& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return out;
}

// Null when the format has none.
const FieldDescriptor* ChecksumField(const Message& message) {
  return message.GetDescriptor()->FindFieldByName("checksum");
}

// Changes the message only while it works.
std::string ChecksumOf(Message& message) {
  const auto* const reflection = message.GetReflection();
  const FieldDescriptor* const field = ChecksumField(message);
  const bool had = reflection->HasField(message, field);
  const std::string given = reflection->GetString(message, field);
  reflection->ClearField(&message, field);
  const std::string checksum = absl::StrFormat("%016x", StreamOf(BinaryForm(message)));
  if (had) reflection->SetString(&message, field, given);
  return checksum;
}

absl::Status CheckChecksum(Message& message) {
  const FieldDescriptor* const field = ChecksumField(message);
  const auto* const reflection = message.GetReflection();
  if (field == nullptr || !reflection->HasField(message, field))
    return absl::OkStatus();
  const std::string given = reflection->GetString(message, field);
  const std::string want = ChecksumOf(message);
  if (given == want) return absl::OkStatus();
  return BadField(absl::StrCat("checksum is '", given, "' and that of the content ",
                               want,
                               ": the file was changed. Compile the model again, or "
                               "remove the checksum when the change is meant"));
}

// Attribute names that a sample has, with the index of the type in AttrValue.
std::map<std::string, size_t> SignatureOf(const Attrs& attrs) {
  std::map<std::string, size_t> out;
  for (const auto& [name, value] : attrs.values()) out[name] = value.index();
  return out;
}

absl::StatusOr<AttrValue> ValueOf(const proto::Attribute& attribute) {
  switch (attribute.value_case()) {
    case proto::Attribute::kIntValue:
      // Not bounded: the least int64_t stands for "no label is ignored".
      return AttrValue(int64_t{attribute.int_value()});
    case proto::Attribute::kDoubleValue:
      if (std::isnan(attribute.double_value()))
        return BadField("double is not a number");
      return AttrValue(attribute.double_value());
    case proto::Attribute::kStringValue:
      if (!attribute.string_value().empty()) {
        TATAMI_RETURN_IF_ERROR(CheckName("string", attribute.string_value()));
      }
      return AttrValue(attribute.string_value());
    case proto::Attribute::kIntsValue:
      for (const int64_t v : attribute.ints_value().values()) {
        TATAMI_RETURN_IF_ERROR(CheckRange("ints", v, -kElementsMax, kElementsMax));
      }
      return AttrValue(std::vector<int64_t>(attribute.ints_value().values().begin(),
                                            attribute.ints_value().values().end()));
    case proto::Attribute::VALUE_NOT_SET:
      break;
  }
  return BadField("no value is given");
}

}  // namespace

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t lo,
                        int64_t hi) {
  if (lo <= value && value <= hi) return absl::OkStatus();
  if (hi < lo) {
    return BadField(absl::StrCat(field, " is ", value, " but there are none"));
  }
  return BadField(absl::StrCat(field, " is ", value, "; must be ", lo, " to ", hi));
}

absl::Status CheckName(absl::string_view field, absl::string_view name) {
  constexpr size_t kNameBytesMax = 4096;
  if (name.empty()) return BadField(absl::StrCat(field, " is empty"));
  if (name.size() > kNameBytesMax) {
    return BadField(absl::StrCat(field, " has ", name.size(), " bytes; must be 1 to ",
                                 kNameBytesMax));
  }
  for (const char c : name) {
    if (c < 0x20 || c > 0x7e) {
      return BadField(absl::StrCat(field, " is not printable ASCII"));
    }
  }
  return absl::OkStatus();
}

std::string Print(Message& message, WireForm form) {
  if (const FieldDescriptor* field = ChecksumField(message); field != nullptr) {
    message.GetReflection()->SetString(&message, field, ChecksumOf(message));
  }
  if (form == WireForm::kBinary) return BinaryForm(message);
  std::string out;
  google::protobuf::TextFormat::PrintToString(message, &out);
  return out;
}

absl::Status Read(absl::string_view bytes, absl::string_view format, Message& message) {
  // What is wrong is told by the status, not on the user's terminal.
  const google::protobuf::LogSilencer silence;
  // A protobuf holds at most 2^31 - 1 bytes.
  TATAMI_RETURN_IF_ERROR(
      CheckRange("the length of the file", bytes.size(), 1, INT32_MAX));
  const std::string start = BinaryStart(format);
  if (bytes.substr(0, start.size()) == start) {
    if (!message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return BadField(absl::StrCat("not a whole ", format,
                                   " file: the Protobuf encoding is broken"));
    }
  } else {
    FirstError errors;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    parser.AllowPartialMessage(true);
    parser.SetRecursionLimit(16);
    if (!parser.ParseFromString(std::string(bytes), &message)) {
      return BadField(absl::StrCat("not a ", format, " file: ", errors.what()));
    }
  }
  const std::string unknown = FindUnknownField(message);
  if (!unknown.empty()) return BadField(absl::StrCat("unknown field ", unknown));
  std::vector<std::string> missing;
  message.FindInitializationErrors(&missing);
  if (!missing.empty()) {
    return BadField(absl::StrCat("missing field ", missing[0]));
  }
  const auto* const descriptor = message.GetDescriptor();
  const auto* const reflection = message.GetReflection();
  const std::string given =
      reflection->GetString(message, descriptor->FindFieldByName("format"));
  const int version =
      reflection->GetInt32(message, descriptor->FindFieldByName("version"));
  if (given != format) {
    return BadField(absl::StrCat("format is '", given, "'; must be '", format, "'"));
  }
  if (version != kVersion) {
    return BadField(absl::StrCat("version is ", version, "; this build reads version ",
                                 kVersion, ". Compile the model again"));
  }
  return CheckChecksum(message);
}

void ToProto(const TensorType& type, proto::TensorType& out) {
  out.set_dtype(std::string(Name(type.dtype)));
  for (const int64_t d : type.dims) out.add_dims(d);
}

absl::StatusOr<TensorType> FromProto(const proto::TensorType& type) {
  TensorType out;
  TATAMI_ASSIGN_OR_RETURN(out.dtype, ParseDType(type.dtype()));
  TATAMI_RETURN_IF_ERROR(
      CheckRange("the number of dims", type.dims_size(), 0, kRankMax));
  int64_t elements = 1;
  for (const int64_t d : type.dims()) {
    TATAMI_RETURN_IF_ERROR(CheckRange("a dim", d, 1, kElementsMax / elements));
    elements *= d;
    out.dims.push_back(d);
  }
  return out;
}

void ToProto(const Attrs& attrs, AttributeList& out) {
  struct Fill {
    proto::Attribute& a;
    void operator()(int64_t v) const { a.set_int_value(v); }
    void operator()(double v) const { a.set_double_value(v); }
    void operator()(const std::string& v) const { a.set_string_value(v); }
    void operator()(const std::vector<int64_t>& v) const {
      a.mutable_ints_value()->mutable_values()->Assign(v.begin(), v.end());
    }
  };
  for (const auto& [name, value] : attrs.values()) {
    proto::Attribute& attribute = *out.Add();
    attribute.set_name(name);
    std::visit(Fill{attribute}, value);
  }
}

absl::StatusOr<Attrs> FromProto(const AttributeList& attributes, const OpDef& op) {
  Attrs out;
  for (const proto::Attribute& attribute : attributes) {
    TATAMI_RETURN_IF_ERROR(CheckName("the name of an attribute", attribute.name()));
    const std::string where = absl::StrCat("attribute ", attribute.name());
    if (out.Has(attribute.name())) return BadField(absl::StrCat(where, " comes twice"));
    TATAMI_ASSIGN_OR_RETURN(AttrValue value, ValueOf(attribute), where);
    out.Set(attribute.name(), std::move(value));
  }
  const std::map<std::string, size_t> signature = SignatureOf(out);
  const std::vector<OpSample> samples = (*op.samples)();
  for (const OpSample& sample : samples) {
    if (SignatureOf(sample.attrs) == signature) return out;
  }
  return BadField(absl::StrCat(
      "attributes {", out.ToString(), "} are not those of op ", *op.name,
      samples.empty() ? "" : absl::StrCat(", as {", samples[0].attrs.ToString(), "}")));
}

absl::StatusOr<const OpDef*> ReadOp(absl::string_view name, OpLookup find_op) {
  const OpDef* op = find_op(name);
  if (op != nullptr) return op;
  return BadField(absl::StrCat("op '", name, "' is not known to this build"));
}

namespace {

constexpr std::pair<absl::string_view, Init::Kind> kInitKinds[] = {
    {"zero", Init::kZero},
    {"constant", Init::kConstant},
    {"normal", Init::kNormal},
    {"uniform", Init::kUniform}};

}  // namespace

absl::StatusOr<InputPart> ReadPart(int64_t index, int64_t count,
                                   const TensorType& type) {
  const int64_t elements = std::max<int64_t>(1, type.num_elements());
  TATAMI_RETURN_IF_ERROR(CheckRange("parts", count, 1, kElementsMax / elements));
  TATAMI_RETURN_IF_ERROR(CheckIndex("part", index, count));
  return InputPart{index, count};
}

void ToProto(const Init& init, proto::Init& out) {
  for (const auto& [name, kind] : kInitKinds) {
    if (kind == init.kind) out.set_kind(std::string(name));
  }
  out.set_scale(init.scale);
}

absl::StatusOr<Init> FromProto(const proto::Init& init) {
  if (!std::isfinite(init.scale())) return BadField("init.scale is not finite");
  for (const auto& [name, kind] : kInitKinds) {
    if (name == init.kind()) return Init{.kind = kind, .scale = init.scale()};
  }
  return BadField(absl::StrCat("init.kind is '", init.kind(),
                               "'; must be zero, constant, normal or uniform"));
}

void ToProto(const Mesh& mesh, proto::Mesh& out) {
  out.set_rows(mesh.rows);
  out.set_cols(mesh.cols);
}

absl::StatusOr<Mesh> FromProto(const proto::Mesh& mesh) {
  TATAMI_RETURN_IF_ERROR(CheckRange("mesh.rows", mesh.rows(), 1, kMeshSideMax));
  TATAMI_RETURN_IF_ERROR(CheckRange("mesh.cols", mesh.cols(), 1, kMeshSideMax));
  TATAMI_RETURN_IF_ERROR(
      CheckRange("mesh.rows x mesh.cols", mesh.rows() * mesh.cols(), 1, kMeshNodesMax));
  return Mesh{mesh.rows(), mesh.cols()};
}

absl::StatusOr<Mesh> ReadStages(const proto::Mesh& stages, const Mesh& mesh) {
  TATAMI_RETURN_IF_ERROR(CheckRange("stages.rows", stages.rows(), 1, mesh.rows));
  TATAMI_RETURN_IF_ERROR(CheckRange("stages.cols", stages.cols(), 1, mesh.cols));
  const StageGrid grid{mesh, {stages.rows(), stages.cols()}};
  if (grid.count() == 1) return BadField("stages is 1x1: leave it out");
  if (CheckStages(grid).ok()) return grid.stages;
  return BadField(absl::StrCat("stages ", grid.stages.ToString(), " do not cut mesh ",
                               mesh.ToString(), " into equal rectangles"));
}

absl::StatusOr<LiveMesh> ReadMap(absl::string_view text, int64_t nodes_max) {
  absl::StatusOr<LiveMesh> live = ParseLiveMesh(text, nodes_max, "map");
  if (!live.ok()) return BadField(live.status().message());
  if (live->IsWhole()) return BadField("map has no dead part: leave it out");
  if (live->ToString() == text) return live;
  return BadField(absl::StrCat("map is not written as '", live->ToString(), "'"));
}

void ToProto(const AxisList& axes, AxisRefList& out) {
  for (const AxisRef& ref : axes) {
    proto::AxisRef& axis = *out.Add();
    axis.set_axis(ref.axis == MeshAxis::kY ? "y" : "x");
    axis.set_pre(ref.pre);
    axis.set_size(ref.size);
  }
}

absl::StatusOr<AxisList> FromProto(const AxisRefList& axes, const Mesh& mesh) {
  AxisList out;
  for (const proto::AxisRef& axis : axes) {
    if (axis.axis() != "y" && axis.axis() != "x") {
      return BadField(absl::StrCat("axis is '", axis.axis(), "'; must be y or x"));
    }
    AxisRef ref = WholeAxis(mesh, axis.axis() == "y" ? MeshAxis::kY : MeshAxis::kX);
    const int64_t side = ref.size;
    TATAMI_RETURN_IF_ERROR(CheckRange("pre of an axis", axis.pre(), 1, side));
    TATAMI_RETURN_IF_ERROR(CheckRange("size of an axis", axis.size(), 2, side));
    ref.pre = axis.pre();
    ref.size = axis.size();
    if (side % (ref.pre * ref.size) != 0) {
      return BadField(absl::StrCat("axis ", axis.axis(), ":(", ref.pre, ")", ref.size,
                                   " is not a sub-axis of ", side, " nodes"));
    }
    for (const AxisRef& other : out) {
      if (ShareADigit(ref, other)) {
        return BadField(absl::StrCat("axis ", axis.axis(), " is used twice"));
      }
    }
    out.push_back(ref);
  }
  return out;
}

}  // namespace tatami::wire
