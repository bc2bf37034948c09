#include "ops/kernels/pool_loops.h"

#include <algorithm>
#include <array>
#include <vector>

#include "ops/pool_shape.h"

namespace tatami {
namespace {

// A channels-last box as up to three spatial dims; 2D lacks the first, of size 1.
struct Rows {
  int64_t channels = 0, samples = 0;
  std::array<Interval, 3> spatial = {Interval{0, 1}, Interval{0, 1}, Interval{0, 1}};

  explicit Rows(const Box& box) : channels(box.back().size()), samples(box[0].size()) {
    std::copy_backward(box.begin() + 1, box.end() - 1, spatial.end());
  }
  // The first channel of global position p of the sample with local number n.
  int64_t Offset(int64_t n, const std::array<int64_t, 3>& p) const {
    for (int j = 0; j < 3; ++j) n = n * spatial[j].size() + p[j] - spatial[j].begin;
    return n * channels;
  }
};

// One input position of a window: the number of its tap and where its channels begin.
struct Tap {
  int64_t number, offset;
  bool inside;  // in the box of `dx`, where `dx_offset` is
  int64_t dx_offset;
};

// Calls visit(offset of y's channels, divisor, taps) for each window of y's box in
// order; the taps are those that meet the tensor, in row-major order. `dx` is the box
// that taps are located in besides x's, or null.
template <typename Visit>
void ForEachWindow(const PoolShape& shape, const Rows& x, const Rows& y, const Rows* dx,
                   Visit visit) {
  const int missing = 3 - shape.spatial();
  std::array<WindowDim, 3> windows;
  std::array<int64_t, 3> sizes = {1, 1, 1};
  for (int j = 0; j < shape.spatial(); ++j) {
    windows[missing + j] = shape.windows[j];
    sizes[missing + j] = shape.in[j];
  }
  std::vector<Tap> taps;
  const auto locate = [&](int64_t n, const std::array<int64_t, 3>& o) {
    taps.clear();
    int64_t number = 0;
    std::array<int64_t, 3> i, q;
    for (q[0] = 0; q[0] < windows[0].kernel; ++q[0]) {
      for (q[1] = 0; q[1] < windows[1].kernel; ++q[1]) {
        for (q[2] = 0; q[2] < windows[2].kernel; ++q[2], ++number) {
          bool real = true, inside = dx != nullptr;
          for (int j = 0; j < 3; ++j) {
            i[j] = windows[j].InputOf(o[j], q[j]);
            real &= 0 <= i[j] && i[j] < sizes[j];
            inside =
                inside && dx->spatial[j].begin <= i[j] && i[j] < dx->spatial[j].end;
          }
          if (!real) continue;
          taps.push_back(
              {number, x.Offset(n, i), inside, inside ? dx->Offset(n, i) : 0});
        }
      }
    }
  };
  std::array<int64_t, 3> o;
  for (int64_t n = 0; n < y.samples; ++n) {
    for (o[0] = y.spatial[0].begin; o[0] < y.spatial[0].end; ++o[0]) {
      for (o[1] = y.spatial[1].begin; o[1] < y.spatial[1].end; ++o[1]) {
        for (o[2] = y.spatial[2].begin; o[2] < y.spatial[2].end; ++o[2]) {
          locate(n, o);
          visit(y.Offset(n, o), absl::MakeConstSpan(o).subspan(missing), taps);
        }
      }
    }
  }
}

const float* Floats(const std::byte* data) {
  return reinterpret_cast<const float*>(data);
}

void RunMaxPool(const LocalCall& at, absl::Span<const std::byte* const> in,
                std::byte* out) {
  const PoolShape shape = MakePoolShape(at.call->attrs, at.call->in[0], at.call->out);
  const float* x = Floats(in[0]);
  auto* y = reinterpret_cast<float*>(out);
  const Rows x_rows(at.in[0]), y_rows(at.out);
  const int64_t channels = y_rows.channels;
  ForEachWindow(shape, x_rows, y_rows, nullptr,
                [&](int64_t offset, auto, const std::vector<Tap>& taps) {
                  float* best = y + offset;
                  std::copy_n(x + taps[0].offset, channels, best);
                  for (size_t t = 1; t < taps.size(); ++t) {
                    const float* value = x + taps[t].offset;
                    for (int64_t c = 0; c < channels; ++c) {
                      best[c] = Max(best[c], value[c]);
                    }
                  }
                });
}

// Channels are taken in blocks that fit registers and the first-level cache.
constexpr int64_t kBlock = 64;

// Adds dy to the first maximum of one window, for one block of channels.
void SendToFirstMaximum(const std::vector<Tap>& taps, const float* x, const float* dy,
                        int64_t channels, float* dx) {
  float best[kBlock];
  int32_t first[kBlock];
  std::copy_n(x + taps[0].offset, channels, best);
  std::fill_n(first, channels, static_cast<int32_t>(taps[0].number));
  for (size_t t = 1; t < taps.size(); ++t) {
    const float* value = x + taps[t].offset;
    const auto number = static_cast<int32_t>(taps[t].number);
    for (int64_t c = 0; c < channels; ++c) {
      const bool larger = best[c] < value[c];
      best[c] = larger ? value[c] : best[c];
      first[c] = larger ? number : first[c];
    }
  }
  for (const Tap& tap : taps) {
    if (!tap.inside) continue;
    float* to = dx + tap.dx_offset;
    const auto number = static_cast<int32_t>(tap.number);
    for (int64_t c = 0; c < channels; ++c) to[c] += first[c] == number ? dy[c] : 0.f;
  }
}

void RunMaxPoolGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                    std::byte* out) {
  const PoolShape shape = MakePoolShape(at.call->attrs, at.call->out, at.call->in[1]);
  const float *x = Floats(in[0]), *dy = Floats(in[1]);
  auto* dx = reinterpret_cast<float*>(out);
  std::fill_n(dx, NumElements(at.out), 0.f);
  const Rows x_rows(at.in[0]), y_rows(at.in[1]), dx_rows(at.out);
  ForEachWindow(shape, x_rows, y_rows, &dx_rows,
                [&](int64_t offset, auto, const std::vector<Tap>& taps) {
                  for (int64_t c = 0; c < y_rows.channels; c += kBlock) {
                    SendToFirstMaximum(taps, x + c, dy + offset + c,
                                       std::min(kBlock, y_rows.channels - c), dx + c);
                  }
                });
}

void RunAveragePool(const LocalCall& at, absl::Span<const std::byte* const> in,
                    std::byte* out) {
  const PoolShape shape = MakePoolShape(at.call->attrs, at.call->in[0], at.call->out);
  const PoolDivisor divisor(shape, at.call->attrs);
  const float* x = Floats(in[0]);
  auto* y = reinterpret_cast<float*>(out);
  const Rows x_rows(at.in[0]), y_rows(at.out);
  const int64_t channels = y_rows.channels;
  ForEachWindow(
      shape, x_rows, y_rows, nullptr,
      [&](int64_t offset, absl::Span<const int64_t> o, const std::vector<Tap>& taps) {
        float* sum = y + offset;
        std::fill_n(sum, channels, 0.f);
        for (const Tap& tap : taps) {
          const float* value = x + tap.offset;
          for (int64_t c = 0; c < channels; ++c) sum[c] += value[c];
        }
        const auto count = static_cast<float>(divisor.Of(o));
        for (int64_t c = 0; c < channels; ++c) sum[c] /= count;
      });
}

void RunAveragePoolGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                        std::byte* out) {
  const PoolShape shape = MakePoolShape(at.call->attrs, at.call->out, at.call->in[0]);
  const PoolDivisor divisor(shape, at.call->attrs);
  const float* dy = Floats(in[0]);
  auto* dx = reinterpret_cast<float*>(out);
  std::fill_n(dx, NumElements(at.out), 0.f);
  const Rows y_rows(at.in[0]), dx_rows(at.out);
  const int64_t channels = y_rows.channels;
  ForEachWindow(
      shape, dx_rows, y_rows, &dx_rows,
      [&](int64_t offset, absl::Span<const int64_t> o, const std::vector<Tap>& taps) {
        const auto count = static_cast<float>(divisor.Of(o));
        const float* value = dy + offset;
        for (const Tap& tap : taps) {
          if (!tap.inside) continue;
          float* to = dx + tap.dx_offset;
          for (int64_t c = 0; c < channels; ++c) to[c] += value[c] / count;
        }
      });
}

}  // namespace

absl::Status PoolLoopsSupport(const LocalCall& call) {
  if (IsEmpty(call.out)) return absl::UnimplementedError("the output is empty");
  for (const Box& box : call.in) {
    if (IsEmpty(box)) return absl::UnimplementedError("an operand is empty");
  }
  if (call.call->out.dtype != DType::kF32) {
    return absl::UnimplementedError("storage is not f32");
  }
  return absl::OkStatus();
}

MaybeKernel PrepareMaxPoolLoops(const LocalCall&) {
  return MakeSimpleKernel(RunMaxPool);
}
MaybeKernel PrepareMaxPoolGradLoops(const LocalCall&) {
  return MakeSimpleKernel(RunMaxPoolGrad);
}
MaybeKernel PrepareAveragePoolLoops(const LocalCall&) {
  return MakeSimpleKernel(RunAveragePool);
}
MaybeKernel PrepareAveragePoolGradLoops(const LocalCall&) {
  return MakeSimpleKernel(RunAveragePoolGrad);
}

}  // namespace tatami
