// The framing of a Chakra trace: messages behind their lengths, checked against the
// schema field by field, so that a refusal can name the byte.
#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/proto/chakra.h"

namespace tatami::chakra {

// A message without its length: bytes [begin, end) of the file.
struct Frame {
  size_t begin = 0, end = 0;
};

// Both views must outlive it.
class File {
 public:
  File(absl::string_view bytes, absl::string_view source)
      : bytes_(bytes), source_(source) {}

  // E0402 at this byte.
  absl::Status Refuse(size_t byte, absl::string_view what) const;

  // The message whose length stands at this byte.
  absl::StatusOr<Frame> FrameAt(size_t byte) const;

  // E0402 for a field that the schema of `message` has not, or has with another wire
  // type, and for one that goes past its message.
  absl::Status Parse(const Frame& frame, google::protobuf::Message& message) const;

 private:
  absl::StatusOr<uint64_t> Varint(size_t& at, size_t end) const;
  absl::Status CheckFields(const Frame& frame,
                           const google::protobuf::Descriptor& schema) const;
  absl::StatusOr<Frame> SkipValue(size_t start, size_t& at, size_t end,
                                  int wire_type) const;

  absl::string_view bytes_, source_;
};

void AppendFrame(const google::protobuf::Message& message, std::string& out);

// Puts nodes after those that they depend on, else as they are. `starts` are their
// bytes in the file. E0402 for an id given twice, one that no node has, a circle.
absl::Status OrderByDependencies(const std::vector<size_t>& starts, const File& file,
                                 std::vector<ChakraNode>& nodes);

}  // namespace tatami::chakra
