#include "runtime/simulator/booksim_figures.h"

namespace tatami {
namespace {

using enum TrafficPattern;
constexpr BookSimFigures kFigures[] = {
    {{8, 8}, kUniform, 26.9, 6.2, 0.426, 1.45, 1.36},
    {{8, 8}, kNeighbour, 20.6, 4.6, 0.996, 1.06, 1.06},
    {{8, 8}, kBitComplement, 37.9, 0, 0.244, 1.51, 1.48},
    {{8, 8}, kTornado, 36.2, 0, 0.271, 2.34, 2.08},
    {{8, 8}, kTranspose, 27.2, 0, 0.148, 1.005, 1.005},
    {{16, 16}, kUniform, 48.3, 11.6, 0.225, 1.53, 1.46},
    {{16, 16}, kNeighbour, 20.9, 4.7, 0.996, 1.13, 1.13},
    {{16, 16}, kBitComplement, 0, 0, 0, 1.79, 1.78},
    {{16, 16}, kTornado, 0, 0, 0, 2.24, 2.23},
    {{16, 16}, kTranspose, 0, 0, 0, 1.005, 1.005},
};

}  // namespace

absl::Span<const BookSimFigures> AllBookSimFigures() { return kFigures; }

const BookSimFigures* FindBookSimFigures(const Mesh& mesh, TrafficPattern pattern) {
  for (const BookSimFigures& f : kFigures) {
    if (f.mesh == mesh && f.pattern == pattern) return &f;
  }
  return nullptr;
}

}  // namespace tatami
