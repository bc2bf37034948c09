#include "ops/kernels/onednn_conv.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/conv_rule.h"
#include "ops/kernels/onednn_runtime.h"

namespace tatami {
namespace {

using dnnl::memory;

// Slots of ThreadScratch; a BoundPrimitive has slot 0.
constexpr int kWeightSlot = 1, kInputGradSlot = 2;

// A shard's convolution, as oneDNN describes one: its own padding follows from where
// its boxes lie in the whole tensors.
struct LocalConv {
  DType x_type, w_type, y_type;  // as stored; the result's may be the wider
  Box x;                         // x's box, trimmed as below
  memory::desc x_desc, w_plain, w_any, y_desc, bias;
  memory::dims stride, dilation, pad_lo, pad_hi;
  bool has_bias = false, relu = false;
  // x begins before the first position that any tap of y meets (a 1x1 window of stride
  // 2 at an odd position). oneDNN has no negative padding, so x begins there instead;
  // the gradient of what is left out is zero.
  bool trimmed = false;
};

// [N, spatial.., C] in storage as oneDNN's dims (N, C, spatial..).
memory::desc ChannelsLast(const Box& box, DType dtype) {
  const int rank = static_cast<int>(box.size());
  memory::dims dims = {box[0].size(), box[rank - 1].size()}, strides = {0, 1};
  int64_t stride = dims[1];
  strides.resize(rank);
  for (int j = 1; j + 1 < rank; ++j) dims.push_back(box[j].size());
  for (int j = rank - 2; j >= 0; --j) {
    strides[j == 0 ? 0 : j + 1] = stride;
    stride *= box[j].size();
  }
  return {dims, onednn::DataType(dtype), strides};
}

memory::desc Plain(const memory::dims& dims, memory::data_type type) {
  memory::dims strides(dims.size(), 1);
  for (int i = static_cast<int>(dims.size()) - 2; i >= 0; --i) {
    strides[i] = strides[i + 1] * dims[i + 1];
  }
  return {dims, type, strides};
}

template <ConvPass pass>
const Box& RoleX(const LocalCall& at) {
  return pass == ConvPass::kInputGrad ? at.out : at.in[0];
}
template <ConvPass pass>
const Box& RoleW(const LocalCall& at) {
  return pass == ConvPass::kWeightGrad ? at.out : at.in[1];
}
template <ConvPass pass>
const Box& RoleY(const LocalCall& at) {
  if (pass == ConvPass::kForward) return at.out;
  return pass == ConvPass::kInputGrad ? at.in[0] : at.in[1];
}

template <ConvPass pass>
LocalConv TypesOf(const OpCall& call) {
  const DType a = call.in[0].dtype, b = call.in[1].dtype, out = call.out.dtype;
  if (pass == ConvPass::kForward) return {.x_type = a, .w_type = b, .y_type = out};
  if (pass == ConvPass::kInputGrad) return {.x_type = out, .w_type = b, .y_type = a};
  return {.x_type = a, .w_type = out, .y_type = b};
}

template <ConvPass pass>
LocalConv Describe(const LocalCall& at) {
  const Attrs& attrs = at.call->attrs;
  const Box &w = RoleW<pass>(at), &y = RoleY<pass>(at);
  LocalConv c = TypesOf<pass>(*at.call);
  c.x = RoleX<pass>(at);
  memory::dims w_dims;
  for (size_t j = 2; j < w.size(); ++j) {
    const int64_t stride = attrs.Ints("stride")[j - 2];
    const int64_t dilation = attrs.Ints("dilation")[j - 2];
    Interval& in = c.x[j - 1];
    const Interval& out = y[j - 1];
    const int64_t first = out.begin * stride - attrs.Ints("pad_lo")[j - 2];
    const int64_t last =
        first + (out.size() - 1) * stride + (w[j].size() - 1) * dilation;
    if (in.begin < first) {
      in.begin = first;
      c.trimmed = true;
    }
    c.stride.push_back(stride);
    c.dilation.push_back(dilation - 1);  // oneDNN counts the gaps
    c.pad_lo.push_back(in.begin - first);
    c.pad_hi.push_back(last - (in.end - 1));
    w_dims.push_back(w[j].size());
  }
  int64_t groups = attrs.Int("groups");
  const TensorType& w_type =
      pass == ConvPass::kWeightGrad ? at.call->out : at.call->in[1];
  // A shard of a depthwise convolution has as many groups as channels.
  if (w_type.dim(0) == groups && w_type.dim(1) == 1) groups = w[0].size();
  if (groups > 1) {
    w_dims.insert(w_dims.begin(), {groups, w[0].size() / groups, w[1].size()});
  } else {
    w_dims.insert(w_dims.begin(), {w[0].size(), w[1].size()});
  }
  const memory::data_type type = onednn::DataType(c.w_type);
  c.x_desc = ChannelsLast(c.x, c.x_type);
  c.y_desc = ChannelsLast(y, c.y_type);
  c.w_plain = Plain(w_dims, type);
  // The sums of a weight gradient are rounded to storage once, on their way out.
  c.w_any = {w_dims, pass == ConvPass::kWeightGrad ? memory::data_type::f32 : type,
             memory::format_tag::any};
  if (pass == ConvPass::kForward) {
    c.has_bias = AddsBias(at);
    if (c.has_bias) c.bias = Plain({w[0].size()}, type);
    c.relu = attrs.String("activation") == "relu";
  }
  return c;
}

dnnl::convolution_forward::primitive_desc ForwardDesc(const LocalConv& c) {
  const dnnl::primitive_attr attr = onednn::PrimitiveAttr();
  // The kind of a forward primitive also steers the gradients that take it as a hint.
  const auto kind = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
  if (c.has_bias) {
    return {{kind, direct, c.x_desc, c.w_any, c.bias, c.y_desc, c.stride, c.dilation,
             c.pad_lo, c.pad_hi},
            attr,
            onednn::Engine()};
  }
  return {{kind, direct, c.x_desc, c.w_any, c.y_desc, c.stride, c.dilation, c.pad_lo,
           c.pad_hi},
          attr,
          onednn::Engine()};
}

// Of a gradient: a forward convolution that could run, of y's type throughout.
dnnl::convolution_forward::primitive_desc HintDesc(LocalConv c) {
  c.x_desc = ChannelsLast(c.x, c.y_type);
  c.w_any = {c.w_any.dims(), onednn::DataType(c.y_type), memory::format_tag::any};
  return ForwardDesc(c);
}

template <ConvPass pass>
auto Desc(const LocalConv& c) {
  const auto direct = dnnl::algorithm::convolution_direct;
  if constexpr (pass == ConvPass::kForward) {
    return ForwardDesc(c);
  } else if constexpr (pass == ConvPass::kInputGrad) {
    return dnnl::convolution_backward_data::primitive_desc(
        {direct, c.x_desc, c.w_any, c.y_desc, c.stride, c.dilation, c.pad_lo, c.pad_hi},
        onednn::PrimitiveAttr(), onednn::Engine(), HintDesc(c));
  } else {
    return dnnl::convolution_backward_weights::primitive_desc(
        {direct, c.x_desc, c.w_any, c.y_desc, c.stride, c.dilation, c.pad_lo, c.pad_hi},
        onednn::PrimitiveAttr(), onednn::Engine(), HintDesc(c));
  }
}

// A copy of the weights between PyTorch's order and the one that oneDNN chose.
onednn::BoundPrimitive WeightReorder(const memory::desc& from, const memory::desc& to) {
  const dnnl::reorder::primitive_desc desc(onednn::Engine(), from, onednn::Engine(), to,
                                           onednn::PrimitiveAttr());
  return {dnnl::reorder(desc),
          desc.scratchpad_desc(),
          {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
}

void* Scratch(const memory::desc& desc, int slot) {
  return onednn::ThreadScratch(slot, desc.get_size());
}

// By our own hand, while y is in the cache: oneDNN's relu turns a NaN into 0.
void ReluInPlace(DType dtype, int64_t n, std::byte* y) {
  if (dtype == DType::kF32) {
    auto* x = reinterpret_cast<float*>(y);
    for (int64_t i = 0; i < n; ++i) x[i] = Max(0.f, x[i]);
  } else {
    auto* x = reinterpret_cast<uint16_t*>(y);
    constexpr uint16_t kSign = 0x8000, kInfinity = 0x7f80;
    for (int64_t i = 0; i < n; ++i) {
      const bool negative = (x[i] & kSign) && (x[i] & ~kSign) <= kInfinity;
      x[i] = negative ? 0 : x[i];
    }
  }
}

class ConvForward : public PreparedKernel {
 public:
  ConvForward(const LocalConv& c, const dnnl::convolution_forward::primitive_desc& desc)
      : packed_(desc.weights_desc()),
        has_bias_(c.has_bias),
        relu_(c.relu),
        pack_(WeightReorder(c.w_plain, packed_)),
        conv_(dnnl::convolution_forward(desc), desc.scratchpad_desc(),
              Formats(c, packed_)) {}

  void Run(const LocalCall& at, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    void* w = Scratch(packed_, kWeightSlot);
    pack_.Run({{DNNL_ARG_FROM, in[1]}, {DNNL_ARG_TO, w}});
    if (has_bias_) {
      conv_.Run({{DNNL_ARG_SRC, in[0]},
                 {DNNL_ARG_WEIGHTS, w},
                 {DNNL_ARG_DST, out},
                 {DNNL_ARG_BIAS, in[2]}});
    } else {
      conv_.Run({{DNNL_ARG_SRC, in[0]}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, out}});
    }
    if (relu_) ReluInPlace(at.call->out.dtype, NumElements(at.out), out);
  }

 private:
  static onednn::BoundPrimitive::Formats Formats(const LocalConv& c,
                                                 const memory::desc& packed) {
    onednn::BoundPrimitive::Formats formats = {
        {DNNL_ARG_SRC, c.x_desc}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, c.y_desc}};
    if (c.has_bias) formats.emplace_back(DNNL_ARG_BIAS, c.bias);
    return formats;
  }

  memory::desc packed_;
  bool has_bias_, relu_;
  onednn::BoundPrimitive pack_, conv_;
};

class ConvInputGrad : public PreparedKernel {
 public:
  ConvInputGrad(const LocalConv& c,
                const dnnl::convolution_backward_data::primitive_desc& desc)
      : described_(c),
        packed_(desc.weights_desc()),
        pack_(WeightReorder(c.w_plain, packed_)),
        conv_(dnnl::convolution_backward_data(desc), desc.scratchpad_desc(),
              {{DNNL_ARG_DIFF_SRC, c.x_desc},
               {DNNL_ARG_WEIGHTS, packed_},
               {DNNL_ARG_DIFF_DST, c.y_desc}}) {}

  void Run(const LocalCall& at, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    void* w = Scratch(packed_, kWeightSlot);
    pack_.Run({{DNNL_ARG_FROM, in[1]}, {DNNL_ARG_TO, w}});
    const bool trimmed = described_.trimmed;
    void* dx = trimmed ? Scratch(described_.x_desc, kInputGradSlot) : out;
    conv_.Run(
        {{DNNL_ARG_DIFF_SRC, dx}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_DST, in[0]}});
    if (trimmed) Untrim(at, static_cast<const std::byte*>(dx), out);
  }

 private:
  void Untrim(const LocalCall& at, const std::byte* dx, std::byte* out) const {
    const int64_t element_bytes = ByteSize(described_.x_type);
    std::memset(out, 0, NumElements(at.out) * element_bytes);
    // Calls that share this kernel differ by a translation: name boxes by extents.
    Box box = described_.x;
    for (size_t d = 0; d < box.size(); ++d) {
      const int64_t shift = at.out[d].end - box[d].end;
      box[d] = {box[d].begin + shift, box[d].end + shift};
    }
    CopyBox(box, box, dx, at.out, out, element_bytes);
  }

  LocalConv described_;
  memory::desc packed_;
  onednn::BoundPrimitive pack_, conv_;
};

class ConvWeightGrad : public PreparedKernel {
 public:
  ConvWeightGrad(const LocalConv& c,
                 const dnnl::convolution_backward_weights::primitive_desc& desc)
      : packed_(desc.diff_weights_desc()),
        unpack_(WeightReorder(packed_, c.w_plain)),
        conv_(dnnl::convolution_backward_weights(desc), desc.scratchpad_desc(),
              {{DNNL_ARG_SRC, c.x_desc},
               {DNNL_ARG_DIFF_WEIGHTS, packed_},
               {DNNL_ARG_DIFF_DST, c.y_desc}}) {}

  void Run(const LocalCall&, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    void* dw = Scratch(packed_, kWeightSlot);
    conv_.Run({{DNNL_ARG_SRC, in[0]},
               {DNNL_ARG_DIFF_WEIGHTS, dw},
               {DNNL_ARG_DIFF_DST, in[1]}});
    unpack_.Run({{DNNL_ARG_FROM, dw}, {DNNL_ARG_TO, out}});
  }

 private:
  memory::desc packed_;
  onednn::BoundPrimitive unpack_, conv_;
};

}  // namespace

template <ConvPass pass>
absl::Status OneDnnConvSupports(const LocalCall& call) {
  if (IsEmpty(call.out) || IsEmpty(call.in[0]) || IsEmpty(call.in[1])) {
    return absl::UnimplementedError("an operand is empty");
  }
  try {
    Desc<pass>(Describe<pass>(call));
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(onednn::FromException(error, call).message());
  }
  return absl::OkStatus();
}

template <ConvPass pass>
std::string OneDnnConvKey(const LocalCall& call) {
  const LocalConv c = Describe<pass>(call);
  return absl::StrCat(ShapeKey(call), "|pad ", absl::StrJoin(c.pad_lo, ","), " ",
                      absl::StrJoin(c.pad_hi, ","), " ",
                      absl::StrJoin(Extents(c.x), ","), c.has_bias ? " bias" : "");
}

template <ConvPass pass>
absl::StatusOr<std::shared_ptr<PreparedKernel>> PrepareOneDnnConv(
    const LocalCall& call) {
  try {
    const LocalConv c = Describe<pass>(call);
    const auto desc = Desc<pass>(c);
    if constexpr (pass == ConvPass::kForward) {
      return std::make_shared<ConvForward>(c, desc);
    } else if constexpr (pass == ConvPass::kInputGrad) {
      return std::make_shared<ConvInputGrad>(c, desc);
    } else {
      return std::make_shared<ConvWeightGrad>(c, desc);
    }
  } catch (const dnnl::error& error) {
    return onednn::FromException(error, call);
  }
}

#define TATAMI_CONV_PASS(pass)                                                \
  template absl::Status OneDnnConvSupports<ConvPass::pass>(const LocalCall&); \
  template std::string OneDnnConvKey<ConvPass::pass>(const LocalCall&);       \
  template absl::StatusOr<std::shared_ptr<PreparedKernel>>                    \
  PrepareOneDnnConv<ConvPass::pass>(const LocalCall&);
TATAMI_CONV_PASS(kForward)
TATAMI_CONV_PASS(kInputGrad)
TATAMI_CONV_PASS(kWeightGrad)
#undef TATAMI_CONV_PASS

}  // namespace tatami
