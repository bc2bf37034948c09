#include "core/proto/chakra_frames.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami::chakra {
namespace {

using google::protobuf::FieldDescriptor;

// Wire types of Protobuf.
constexpr int kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5;
// More than any node needs; Protobuf itself counts in 31 bits.
constexpr uint64_t kMessageBytesMax = uint64_t{1} << 28;

int WireTypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return kLength;
    default:
      return kVarint;
  }
}

}  // namespace

absl::Status File::Refuse(size_t byte, absl::string_view what) const {
  return MakeError(ErrorCode::kDataUnreadable,
                   absl::StrCat("cannot read trace '", source_, "': byte ", byte, ": ",
                                what, ". Write it again as Chakra schema 0.0.4."));
}

absl::StatusOr<uint64_t> File::Varint(size_t& at, size_t end) const {
  const size_t start = at;
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at == end) return Refuse(start, "a number is cut short");
    const auto byte = static_cast<uint8_t>(bytes_[at++]);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return Refuse(start, "a number has more than 64 bits");
}

absl::StatusOr<Frame> File::FrameAt(size_t byte) const {
  size_t at = byte;
  TATAMI_ASSIGN_OR_RETURN(const uint64_t length, Varint(at, bytes_.size()));
  if (length > kMessageBytesMax || length > bytes_.size() - at) {
    return Refuse(byte, absl::StrCat("a message of ", length, " bytes, where the file ",
                                     "has ", bytes_.size() - at, " more"));
  }
  return Frame{at, at + length};
}

absl::StatusOr<Frame> File::SkipValue(size_t start, size_t& at, size_t end,
                                      int wire_type) const {
  uint64_t length = wire_type == kFixed64 ? 8 : wire_type == kFixed32 ? 4 : 0;
  const size_t begin = at;
  if (wire_type == kVarint) {
    TATAMI_RETURN_IF_ERROR(Varint(at, end).status());
    return Frame{begin, at};
  }
  if (wire_type == kLength) {
    TATAMI_ASSIGN_OR_RETURN(length, Varint(at, end));
  }
  if (length > end - at) {
    return Refuse(start, absl::StrCat("a field of ", length, " bytes, where its ",
                                      "message has ", end - at, " more"));
  }
  const Frame value{at, at + length};
  at = value.end;
  return value;
}

absl::Status File::CheckFields(const Frame& frame,
                               const google::protobuf::Descriptor& schema) const {
  for (size_t at = frame.begin; at < frame.end;) {
    const size_t start = at;
    TATAMI_ASSIGN_OR_RETURN(const uint64_t tag, Varint(at, frame.end));
    const int number = static_cast<int>(tag >> 3),
              wire_type = static_cast<int>(tag & 7);
    const FieldDescriptor* field =
        tag >> 3 > static_cast<uint64_t>(FieldDescriptor::kMaxNumber)
            ? nullptr
            : schema.FindFieldByNumber(number);
    if (field == nullptr) {
      return Refuse(start, absl::StrCat("field ", tag >> 3, " of ", schema.name(),
                                        ", which the schema has not"));
    }
    const bool packed = field->is_packable() && wire_type == kLength;
    if (!packed && wire_type != WireTypeOf(*field)) {
      return Refuse(start, absl::StrCat("field ", number, " of ", schema.name(), " (",
                                        field->name(), ") has wire type ", wire_type,
                                        ", not ", WireTypeOf(*field)));
    }
    TATAMI_ASSIGN_OR_RETURN(const Frame value,
                            SkipValue(start, at, frame.end, wire_type));
    if (field->message_type() != nullptr) {
      TATAMI_RETURN_IF_ERROR(CheckFields(value, *field->message_type()));
    }
  }
  return absl::OkStatus();
}

absl::Status File::Parse(const Frame& frame, google::protobuf::Message& message) const {
  TATAMI_RETURN_IF_ERROR(CheckFields(frame, *message.GetDescriptor()));
  const absl::string_view bytes = bytes_.substr(frame.begin, frame.end - frame.begin);
  // What is left to go wrong lies within a packed list.
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Refuse(frame.begin, absl::StrCat("no ", message.GetDescriptor()->name(),
                                            ": a list in it is damaged"));
  }
  return absl::OkStatus();
}

void AppendFrame(const google::protobuf::Message& message, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.WriteVarint64(message.ByteSizeLong());
  message.SerializeToCodedStream(&coded);
}

absl::Status OrderByDependencies(const std::vector<size_t>& starts, const File& file,
                                 std::vector<ChakraNode>& nodes) {
  absl::flat_hash_map<uint64_t, size_t> index_of;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (!index_of.emplace(nodes[n].id, n).second) {
      return file.Refuse(starts[n], absl::StrCat("two nodes have id ", nodes[n].id));
    }
  }
  std::vector<std::vector<size_t>> followers(nodes.size());
  std::vector<size_t> waits_for(nodes.size(), 0);
  std::set<size_t> ready;
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (const auto* deps : {&nodes[n].control_deps, &nodes[n].data_deps}) {
      for (const uint64_t id : *deps) {
        const auto found = index_of.find(id);
        if (found == index_of.end()) {
          return file.Refuse(starts[n],
                             absl::StrCat("node ", nodes[n].id, " depends on ", id,
                                          ", which is not in the trace"));
        }
        followers[found->second].push_back(n);
        ++waits_for[n];
      }
    }
    if (waits_for[n] == 0) ready.insert(n);
  }
  std::vector<ChakraNode> ordered;
  while (!ready.empty()) {
    const size_t n = *ready.begin();
    ready.erase(ready.begin());
    for (const size_t follower : followers[n]) {
      if (--waits_for[follower] == 0) ready.insert(follower);
    }
    ordered.push_back(nodes[n]);
  }
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (waits_for[n] == 0) continue;
    return file.Refuse(starts[n], absl::StrCat("node ", nodes[n].id,
                                               " depends on itself, or on one that "
                                               "does"));
  }
  nodes = std::move(ordered);
  return absl::OkStatus();
}

}  // namespace tatami::chakra
