// What the oneDNN kernels share: the engine, a stream per thread, scratch that does not
// outlive a kernel, and the translation of errors. Only files in ops/kernels include
// it.
#pragma once

#include <dnnl.hpp>

#include "absl/status/status.h"
#include "core/op_def.h"

namespace tatami::onednn {

const dnnl::engine& Engine();

// The calling thread's stream. Also pins oneDNN to one thread on this thread: a node's
// kernel is always single-threaded (DESIGN.md, section 3).
dnnl::stream& ThreadStream();

// A buffer of at least `bytes` on this thread, 64-byte aligned, valid until the next
// call with the same slot.
void* ThreadScratch(int slot, size_t bytes);

dnnl::memory::data_type DataType(DType dtype);  // f32 or bf16
dnnl::memory::dims ToDims(const Dims& dims);

// A dense row-major descriptor of a box's extents.
dnnl::memory::desc DenseDesc(const Dims& extents, DType dtype);

absl::Status FromException(const dnnl::error& error, const LocalCall& call);

}  // namespace tatami::onednn
