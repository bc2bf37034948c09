// What the oneDNN kernels share: the engine, a stream per thread, scratch that does not
// outlive a kernel, and the translation of errors. Only files in ops/kernels include
// it.
#pragma once

#include <dnnl.hpp>
#include <initializer_list>
#include <mutex>
#include <utility>
#include <vector>

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

// Of every primitive: made for one thread, as it runs, whichever thread makes it; what
// it needs beyond its operands is host scratch that it is given.
dnnl::primitive_attr PrimitiveAttr();

// A primitive with its memory objects: making those takes longer than a small kernel,
// so each thread that runs it borrows a set and binds it to other addresses.
class BoundPrimitive {
 public:
  // By DNNL_ARG_*: what each operand looks like, and where it lies.
  using Formats = std::vector<std::pair<int, dnnl::memory::desc>>;
  using Addresses = std::initializer_list<std::pair<int, const void*>>;

  BoundPrimitive(dnnl::primitive primitive, const dnnl::memory::desc& scratchpad,
                 Formats formats);

  // Uses ThreadScratch's slot 0. REQUIRES: the arguments of `formats`, in their order.
  void Run(Addresses operands) const;

 private:
  using Bound = std::vector<dnnl::memory>;  // as formats_
  Bound Borrow() const;

  dnnl::primitive primitive_;
  Formats formats_;  // the scratchpad's first
  mutable std::mutex mutex_;
  mutable std::vector<Bound> spare_;
};

absl::Status FromException(const dnnl::error& error, const LocalCall& call);

}  // namespace tatami::onednn
