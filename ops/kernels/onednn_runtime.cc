#include "ops/kernels/onednn_runtime.h"

#include <omp.h>

#include <array>
#include <cstdlib>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace tatami::onednn {

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& ThreadStream() {
  thread_local dnnl::stream stream = [] {
    omp_set_num_threads(1);
    return dnnl::stream(Engine());
  }();
  return stream;
}

void* ThreadScratch(int slot, size_t bytes) {
  struct Block {
    void* data = nullptr;
    size_t size = 0;
    ~Block() { std::free(data); }
  };
  thread_local std::array<Block, 4> blocks;
  Block& block = blocks.at(slot);
  if (block.size < bytes) {
    std::free(block.data);
    block.size = (bytes + 4095) / 4096 * 4096;
    block.data = std::aligned_alloc(64, block.size);
    TATAMI_CHECK(block.data != nullptr)
        << "no memory for " << bytes << " bytes of scratch";
  }
  return block.data;
}

dnnl::memory::data_type DataType(DType dtype) {
  return dtype == DType::kBF16 ? dnnl::memory::data_type::bf16
                               : dnnl::memory::data_type::f32;
}

dnnl::primitive_attr PrimitiveAttr() {
  ThreadStream();
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

BoundPrimitive::BoundPrimitive(dnnl::primitive primitive,
                               const dnnl::memory::desc& scratchpad, Formats formats)
    : primitive_(std::move(primitive)), formats_(std::move(formats)) {
  formats_.insert(formats_.begin(), {DNNL_ARG_SCRATCHPAD, scratchpad});
}

BoundPrimitive::Bound BoundPrimitive::Borrow() const {
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      Bound bound = std::move(spare_.back());
      spare_.pop_back();
      return bound;
    }
  }
  Bound bound;
  for (const auto& [arg, desc] : formats_) {
    bound.emplace_back(desc, Engine(), static_cast<void*>(DNNL_MEMORY_NONE));
  }
  return bound;
}

void BoundPrimitive::Run(Addresses operands) const {
  TATAMI_CHECK(operands.size() + 1 == formats_.size());
  Bound bound = Borrow();
  absl::InlinedVector<dnnl_exec_arg_t, 6> args;
  const auto bind = [&](int arg, const void* address) {
    const size_t i = args.size();
    TATAMI_CHECK(arg == formats_[i].first);
    if (bound[i].get_data_handle() != address) {
      bound[i].set_data_handle(const_cast<void*>(address));
    }
    args.push_back({arg, bound[i].get()});
  };
  bind(DNNL_ARG_SCRATCHPAD, ThreadScratch(0, formats_[0].second.get_size()));
  for (const auto& [arg, address] : operands) bind(arg, address);
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), ThreadStream().get(),
                             static_cast<int>(args.size()), args.data()),
      "a primitive could not run");
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(bound));
}

absl::Status FromException(const dnnl::error& error, const LocalCall& call) {
  return absl::InternalError(
      absl::StrCat("oneDNN: ", error.what(), " for ", ShapeKey(call)));
}

}  // namespace tatami::onednn
