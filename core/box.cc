#include "core/box.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/tensor_view.h"

namespace tatami {
namespace {

// to[i] = combined(to[i], from[i]) over a run of stored elements.
void CombineRun(Combine combine, DType dtype, int64_t n, const std::byte* from,
                std::byte* to) {
  const auto apply = [&](auto* b, const auto* a) {
    if (combine == Combine::kSum) {
      for (int64_t i = 0; i < n; ++i) b[i] += a[i];
    } else {
      for (int64_t i = 0; i < n; ++i) b[i] = Max(b[i], a[i]);
    }
  };
  switch (dtype) {
    case DType::kF32:
      return apply(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(from));
    case DType::kI32:
      return apply(reinterpret_cast<int32_t*>(to),
                   reinterpret_cast<const int32_t*>(from));
    case DType::kBF16: {
      const auto* a = reinterpret_cast<const uint16_t*>(from);
      auto* b = reinterpret_cast<uint16_t*>(to);
      for (int64_t i = 0; i < n; ++i) {
        const float x = FloatFromBF16(a[i]), y = FloatFromBF16(b[i]);
        b[i] = BF16FromFloat(combine == Combine::kSum ? y + x : Max(y, x));
      }
      return;
    }
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

int64_t OffsetIn(const Box& box, const Box& part) {
  int64_t offset = 0;
  for (size_t d = 0; d < box.size(); ++d) {
    offset = offset * box[d].size() + part[d].begin - box[d].begin;
  }
  return offset;
}

BoxCopy::BoxCopy(const Box& part, const Box& from_box, const Box& to_box) {
  if (IsEmpty(part)) return;
  run_ = 1;
  int64_t from_stride = 1, to_stride = 1;
  // Inner to outer: a dim joins the run, or the loop inside it, where both buffers go
  // on without a gap.
  for (int d = static_cast<int>(part.size()) - 1; d >= 0; --d) {
    const int64_t count = part[d].size();
    if (count > 1) {
      const auto joins = [&](int64_t from_end, int64_t to_end) {
        return from_stride == from_end && to_stride == to_end;
      };
      if (loops_.empty() && joins(run_, run_)) {
        run_ *= count;
      } else if (!loops_.empty() && joins(loops_[0].count * loops_[0].from_step,
                                          loops_[0].count * loops_[0].to_step)) {
        loops_[0].count *= count;
      } else {
        loops_.insert(loops_.begin(), {count, from_stride, to_stride});
      }
    }
    from_stride *= from_box[d].size();
    to_stride *= to_box[d].size();
  }
}

template <typename Run>
void BoxCopy::ForEachRun(Run run) const {
  if (run_ == 0) return;
  if (loops_.empty()) return run(int64_t{0}, int64_t{0});
  const Loop inner = loops_.back();
  const size_t outer = loops_.size() - 1;
  absl::InlinedVector<int64_t, 3> index(outer, 0);
  int64_t from = 0, to = 0;
  while (true) {
    for (int64_t i = 0; i < inner.count; ++i) {
      run(from + i * inner.from_step, to + i * inner.to_step);
    }
    size_t d = outer;
    while (d-- > 0) {
      from += loops_[d].from_step;
      to += loops_[d].to_step;
      if (++index[d] < loops_[d].count) break;
      from -= index[d] * loops_[d].from_step;
      to -= index[d] * loops_[d].to_step;
      index[d] = 0;
    }
    if (d > outer) return;  // wrapped below zero: all loops are done
  }
}

void BoxCopy::Copy(int64_t element_bytes, const std::byte* from, std::byte* to) const {
  const int64_t bytes = run_ * element_bytes;
  ForEachRun([=](int64_t f, int64_t t) {
    std::memcpy(to + t * element_bytes, from + f * element_bytes, bytes);
  });
}

void BoxCopy::CombineInto(Combine combine, DType dtype, const std::byte* from,
                          std::byte* to) const {
  const int64_t element = ByteSize(dtype);
  ForEachRun([&](int64_t f, int64_t t) {
    CombineRun(combine, dtype, run_, from + f * element, to + t * element);
  });
}

void CopyBox(const Box& part, const Box& from_box, const std::byte* from,
             const Box& to_box, std::byte* to, int64_t element_bytes) {
  if (IsEmpty(part)) return;
  BoxCopy(part, from_box, to_box)
      .Copy(element_bytes, from + OffsetIn(from_box, part) * element_bytes,
            to + OffsetIn(to_box, part) * element_bytes);
}

void CombineBox(Combine combine, DType dtype, const Box& part, const Box& from_box,
                const std::byte* from, const Box& to_box, std::byte* to) {
  if (IsEmpty(part)) return;
  const int64_t element_bytes = ByteSize(dtype);
  BoxCopy(part, from_box, to_box)
      .CombineInto(combine, dtype, from + OffsetIn(from_box, part) * element_bytes,
                   to + OffsetIn(to_box, part) * element_bytes);
}

}  // namespace tatami
