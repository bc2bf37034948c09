#include "ops/kernels/onednn_runtime.h"

#include <omp.h>

#include <array>
#include <cstdlib>

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

dnnl::memory::dims ToDims(const Dims& dims) { return {dims.begin(), dims.end()}; }

dnnl::memory::desc DenseDesc(const Dims& extents, DType dtype) {
  dnnl::memory::dims strides(extents.size());
  int64_t stride = 1;
  for (int i = static_cast<int>(extents.size()) - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= extents[i];
  }
  return {ToDims(extents), DataType(dtype), strides};
}

absl::Status FromException(const dnnl::error& error, const LocalCall& call) {
  return absl::InternalError(
      absl::StrCat("oneDNN: ", error.what(), " for ", ShapeKey(call)));
}

}  // namespace tatami::onednn
