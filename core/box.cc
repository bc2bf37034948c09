#include "core/box.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace tatami {
namespace {

using Strides = absl::InlinedVector<int64_t, 6>;

Strides RowMajor(const Box& box) {
  Strides strides(box.size());
  int64_t s = 1;
  for (int i = static_cast<int>(box.size()) - 1; i >= 0; --i) {
    strides[i] = s;
    s *= box[i].size();
  }
  return strides;
}

// Calls run(from_offset, to_offset, length) for each contiguous run of `part`, with
// trailing dims that both buffers hold whole merged into one run.
template <typename Run>
void ForEachRun(const Box& part, const Box& from_box, const Box& to_box, Run run) {
  const int rank = static_cast<int>(part.size());
  const Strides from_strides = RowMajor(from_box), to_strides = RowMajor(to_box);
  int64_t length = 1;
  int inner = rank;  // dims [inner, rank) form one run
  while (inner > 0) {
    --inner;
    length *= part[inner].size();
    if (part[inner].size() != from_box[inner].size() ||
        part[inner].size() != to_box[inner].size()) {
      break;
    }
  }
  int64_t from_offset = 0, to_offset = 0;
  for (int i = 0; i < rank; ++i) {
    from_offset += (part[i].begin - from_box[i].begin) * from_strides[i];
    to_offset += (part[i].begin - to_box[i].begin) * to_strides[i];
  }
  Strides index(inner, 0);
  while (true) {
    run(from_offset, to_offset, length);
    int d = inner - 1;
    for (; d >= 0; --d) {
      from_offset += from_strides[d];
      to_offset += to_strides[d];
      if (++index[d] < part[d].size()) break;
      from_offset -= index[d] * from_strides[d];
      to_offset -= index[d] * to_strides[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace

Box WholeBox(const Dims& dims) {
  Box box(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) box[i] = {0, dims[i]};
  return box;
}

Box Intersect(const Box& a, const Box& b) {
  TATAMI_CHECK(a.size() == b.size()) << ToString(a) << " and " << ToString(b);
  Box out(a.size());
  for (size_t i = 0; i < a.size(); ++i) out[i] = Intersect(a[i], b[i]);
  return out;
}

bool IsEmpty(const Box& box) {
  return std::any_of(box.begin(), box.end(),
                     [](const Interval& i) { return i.empty(); });
}

bool Contains(const Box& outer, const Box& inner) {
  if (IsEmpty(inner)) return true;
  for (size_t i = 0; i < outer.size(); ++i) {
    if (!outer[i].Contains(inner[i])) return false;
  }
  return true;
}

int64_t NumElements(const Box& box) {
  int64_t n = 1;
  for (const Interval& i : box) n *= i.size();
  return n;
}

Dims Extents(const Box& box) {
  Dims dims(box.size());
  for (size_t i = 0; i < box.size(); ++i) dims[i] = box[i].size();
  return dims;
}

std::string ToString(const Box& box) {
  std::string out;
  for (const Interval& i : box) {
    absl::StrAppend(&out, out.empty() ? "" : "x", "[", i.begin, ",", i.end, ")");
  }
  return out.empty() ? "scalar" : out;
}

void CopyBox(const Box& part, const Box& from_box, const std::byte* from,
             const Box& to_box, std::byte* to, int64_t element_bytes) {
  if (IsEmpty(part)) return;
  ForEachRun(part, from_box, to_box, [&](int64_t f, int64_t t, int64_t n) {
    std::memcpy(to + t * element_bytes, from + f * element_bytes, n * element_bytes);
  });
}

void CombineBox(Combine combine, DType dtype, const Box& part, const Box& from_box,
                const std::byte* from, const Box& to_box, std::byte* to) {
  if (IsEmpty(part)) return;
  ForEachRun(part, from_box, to_box, [&](int64_t f, int64_t t, int64_t n) {
    switch (dtype) {
      case DType::kF32: {
        const auto* a = reinterpret_cast<const float*>(from) + f;
        auto* b = reinterpret_cast<float*>(to) + t;
        if (combine == Combine::kSum) {
          for (int64_t i = 0; i < n; ++i) b[i] += a[i];
        } else {
          for (int64_t i = 0; i < n; ++i) b[i] = std::max(b[i], a[i]);
        }
        return;
      }
      case DType::kBF16: {
        const auto* a = reinterpret_cast<const uint16_t*>(from) + f;
        auto* b = reinterpret_cast<uint16_t*>(to) + t;
        for (int64_t i = 0; i < n; ++i) {
          const float x = FloatFromBF16(a[i]), y = FloatFromBF16(b[i]);
          b[i] = BF16FromFloat(combine == Combine::kSum ? y + x : std::max(x, y));
        }
        return;
      }
      case DType::kI32: {
        const auto* a = reinterpret_cast<const int32_t*>(from) + f;
        auto* b = reinterpret_cast<int32_t*>(to) + t;
        for (int64_t i = 0; i < n; ++i) {
          b[i] = combine == Combine::kSum ? b[i] + a[i] : std::max(b[i], a[i]);
        }
        return;
      }
    }
  });
}

}  // namespace tatami
