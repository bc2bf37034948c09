#include "runtime/checkpoint/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// A tensor's bytes from its first on, a verified chunk at a time.
class ChunkStream {
 public:
  ChunkStream(Storage& storage, const StoredCheckpoint& checkpoint,
              const StoredTensor& tensor)
      : storage_(storage), checkpoint_(checkpoint), tensor_(tensor) {}

  // What is left of the chunk at the cursor; the next one when nothing is.
  absl::StatusOr<Bytes> Peek() {
    if (at_ == buffer_.size()) {
      buffer_.resize(static_cast<size_t>(ChunkBytes(checkpoint_, tensor_, next_)));
      TATAMI_RETURN_IF_ERROR(
          ReadChunk(storage_, checkpoint_, tensor_, next_, absl::MakeSpan(buffer_)));
      ++next_;
      at_ = 0;
    }
    return Bytes(buffer_).subspan(at_);
  }
  void Skip(size_t bytes) { at_ += bytes; }

 private:
  Storage& storage_;
  const StoredCheckpoint& checkpoint_;
  const StoredTensor& tensor_;
  std::vector<std::byte> buffer_;
  size_t next_ = 0;
  size_t at_ = 0;
};

// Exact for every dtype: an i32 does not fit a float.
double ValueOf(DType dtype, const std::byte* at) {
  if (dtype == DType::kI32) {
    int32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  float value = 0;
  LoadAsFloat(dtype, at, 1, &value);
  return value;
}

// Compares equally long runs of elements that start at element `begin` of the tensor.
void CompareRun(const StoredTensor& tensor, int64_t begin, Bytes a, Bytes b,
                CheckpointDifference& difference) {
  if (std::memcmp(a.data(), b.data(), a.size()) == 0) return;
  const auto width = static_cast<size_t>(ByteSize(tensor.type.dtype));
  for (size_t at = 0; at < a.size(); at += width) {
    if (std::memcmp(&a[at], &b[at], width) == 0) continue;
    const double x = ValueOf(tensor.type.dtype, &a[at]);
    const double y = ValueOf(tensor.type.dtype, &b[at]);
    ++difference.elements_different;
    const double distance = std::isfinite(x) && std::isfinite(y)
                                ? std::abs(x - y)
                                : std::numeric_limits<double>::infinity();
    difference.largest = std::max(difference.largest, distance);
    if (difference.first) continue;
    difference.first = {tensor.name, tensor.type,
                        begin + static_cast<int64_t>(at / width), x, y};
  }
}

absl::Status CompareTensor(Storage& storage, const StoredCheckpoint& a,
                           const StoredTensor& of_a, const StoredCheckpoint& b,
                           const StoredTensor& of_b, CheckpointDifference& difference) {
  const int64_t before = difference.elements_different;
  const int64_t width = ByteSize(of_a.type.dtype);
  ChunkStream left(storage, a, of_a), right(storage, b, of_b);
  for (int64_t at = 0; at < of_a.type.bytes();) {
    TATAMI_ASSIGN_OR_RETURN(Bytes x, left.Peek());
    TATAMI_ASSIGN_OR_RETURN(Bytes y, right.Peek());
    const size_t bytes = std::min(x.size(), y.size());
    CompareRun(of_a, at / width, x.first(bytes), y.first(bytes), difference);
    left.Skip(bytes);
    right.Skip(bytes);
    at += static_cast<int64_t>(bytes);
  }
  ++difference.tensors;
  difference.elements += of_a.type.num_elements();
  difference.tensors_different += difference.elements_different > before;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointDifference> CompareCheckpoints(Storage& storage,
                                                        const StoredCheckpoint& a,
                                                        const StoredCheckpoint& b) {
  CheckpointDifference difference;
  std::map<std::string, const StoredTensor*> rest;
  for (const StoredTensor& t : b.tensors) rest[t.name] = &t;
  for (const StoredTensor& t : a.tensors) {
    const auto it = rest.find(t.name);
    if (it == rest.end()) {
      difference.structure.push_back(absl::StrCat("'", t.name, "' is only in ", a.dir));
      continue;
    }
    const StoredTensor& other = *it->second;
    rest.erase(it);
    if (!(t.type == other.type)) {
      difference.structure.push_back(absl::StrCat(
          "'", t.name, "' is ", t.type.ToString(), " and ", other.type.ToString()));
      continue;
    }
    TATAMI_RETURN_IF_ERROR(CompareTensor(storage, a, t, b, other, difference));
  }
  for (const auto& [name, tensor] : rest) {
    difference.structure.push_back(absl::StrCat("'", name, "' is only in ", b.dir));
  }
  return difference;
}

}  // namespace tatami
