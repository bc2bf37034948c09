#include "ops/kernels/instruction_set.h"

#include <dnnl.hpp>

#include "absl/strings/str_cat.h"

namespace tatami {

std::string KernelInstructionSet() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE41";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx512_core:
      return "AVX512_CORE";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX512_CORE_VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX512_CORE_BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX512_CORE_AMX";
    default:
      return absl::StrCat("cpu_isa ", static_cast<int>(dnnl::get_effective_cpu_isa()));
  }
}

}  // namespace tatami
