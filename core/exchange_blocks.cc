#include "core/exchange_blocks.h"

#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "core/block_parts.h"
#include "core/exchange_links.h"

namespace tatami {
namespace {

// The smallest multiple of a and b that divides `side`.
int64_t CommonBlock(int64_t a, int64_t b, int64_t side) {
  const int64_t common = std::lcm(a, b);
  return side % common == 0 ? common : side;
}

enum class Reach { kNone, kRows, kCols, kBoth };

Reach ReachOf(const DimPlacement& from, const DimPlacement& to) {
  bool rows = false, cols = false;
  for (const AxisList* axes : {&from.axes, &to.axes}) {
    for (const AxisRef& ref : *axes) {
      (ref.axis == MeshAxis::kY ? rows : cols) = true;
    }
  }
  if (rows && cols) return Reach::kBoth;
  return rows ? Reach::kRows : cols ? Reach::kCols : Reach::kNone;
}

using Key = std::vector<int64_t>;

class Interning {
 public:
  int Of(Key key) {
    const auto next = static_cast<int>(ids_.size());
    return ids_.try_emplace(std::move(key), next).first->second;
  }

 private:
  absl::flat_hash_map<Key, int> ids_;
};

class Finder {
 public:
  Finder(absl::Span<const Exchange> exchanges, const Mesh& block,
         const MeshKinds& kinds, const Mesh& mesh)
      : mesh_(mesh), kinds_(kinds) {
    out_.block = block;
    for (const Exchange& e : exchanges) {
      for (size_t d = 0; d < e.from.dims.size(); ++d) {
        const Pair pair{&e.from.dims[d], &e.to.dims[d]};
        pairs_[static_cast<int>(ReachOf(*pair.from, *pair.to))].push_back(pair);
      }
    }
  }

  AlikeBlocks Run() {
    const int64_t rows = mesh_.rows / out_.block.rows;
    const int64_t cols = mesh_.cols / out_.block.cols;
    std::vector<int64_t> first_row, first_col;  // by group
    Interning row_groups, col_groups;
    for (int64_t r = 0; r < rows; ++r) {
      const int group = row_groups.Of(LineKey(r * out_.block.rows, MeshAxis::kY));
      out_.row_group.push_back(group);
      if (group == static_cast<int>(first_row.size())) {
        first_row.push_back(r * out_.block.rows);
      }
    }
    for (int64_t c = 0; c < cols; ++c) {
      const int group = col_groups.Of(LineKey(c * out_.block.cols, MeshAxis::kX));
      out_.col_group.push_back(group);
      if (group == static_cast<int>(first_col.size())) {
        first_col.push_back(c * out_.block.cols);
      }
    }
    // Groups tell apart what rows and columns decide alone; blocks that these tell
    // apart by absolute parts may still be alike.
    Interning blocks;
    for (const int64_t r : first_row) {
      out_.kind.emplace_back();
      for (const int64_t c : first_col) {
        const MeshBlock block{{r, c}, out_.block};
        Key key;
        if (first_row.size() * first_col.size() > 1) key = BlockKey(block);
        key.push_back(own_row_[r / out_.block.rows]);
        key.push_back(own_col_[c / out_.block.cols]);
        const int kind = blocks.Of(std::move(key));
        if (kind == static_cast<int>(out_.example.size())) {
          out_.example.push_back(block);
        }
        out_.kind.back().push_back(kind);
      }
    }
    Count(first_row.size(), first_col.size());
    return std::move(out_);
  }

 private:
  struct Pair {
    const DimPlacement *from, *to;
  };

  // Appends what the pair is at `node`, counted from what it is at `first`.
  void Append(const Pair& pair, NodeCoord node, NodeCoord first, Key& key) const {
    const int64_t base = pair.from->At(first, mesh_).begin;
    for (const DimPlacement* dim : {pair.from, pair.to}) {
      const Interval interval = dim->At(node, mesh_);
      key.push_back(interval.begin - base);
      key.push_back(interval.end - base);
      key.push_back(PartOf(dim->axes, node, mesh_) - PartOf(dim->axes, first, mesh_));
    }
  }

  // What a line of blocks is by its rows, or columns, alone; and, apart, which parts
  // they take of dims that both decide.
  Key LineKey(int64_t first, MeshAxis axis) {
    const bool y = axis == MeshAxis::kY;
    const auto at = [&](int64_t place) {
      return y ? NodeCoord{place, 0} : NodeCoord{0, place};
    };
    const int64_t places = y ? out_.block.rows : out_.block.cols;
    const std::vector<int>& kind = y ? kinds_.row : kinds_.col;
    Key key;
    for (int64_t p = first; p < first + places; ++p) {
      for (const Pair& pair :
           pairs_[static_cast<int>(y ? Reach::kRows : Reach::kCols)]) {
        Append(pair, at(p), at(first), key);
      }
      // Over the links that leave the last, nothing of the block goes.
      if (!kind.empty() && p + 1 < first + places) key.push_back(kind[p]);
    }
    (y ? own_row_ : own_col_).push_back((y ? row_kinds_ : col_kinds_).Of(key));
    for (int64_t p = first; p < first + places; ++p) {
      for (const Pair& pair : pairs_[static_cast<int>(Reach::kBoth)]) {
        key.push_back(PartOf(pair.from->axes, at(p), mesh_));
        key.push_back(PartOf(pair.to->axes, at(p), mesh_));
      }
    }
    return key;
  }

  Key BlockKey(const MeshBlock& block) const {
    Key key;
    for (const Pair& pair : pairs_[static_cast<int>(Reach::kBoth)]) {
      const BlockParts from(*pair.from, block, mesh_), to(*pair.to, block, mesh_);
      const int64_t base = from.At(block.first).begin;
      for (int64_t r = block.first.row; r < block.row_end(); ++r) {
        for (int64_t c = block.first.col; c < block.col_end(); ++c) {
          for (const BlockParts* dim : {&from, &to}) {
            const Interval interval = dim->At({r, c});
            key.push_back(interval.begin - base);
            key.push_back(interval.end - base);
            key.push_back(dim->PartAt({r, c}) - dim->PartAt(block.first));
          }
        }
      }
    }
    return key;
  }

  void Count(size_t row_groups, size_t col_groups) {
    std::vector<int64_t> rows(row_groups, 0), cols(col_groups, 0);
    for (const int g : out_.row_group) ++rows[g];
    for (const int g : out_.col_group) ++cols[g];
    out_.count.assign(out_.example.size(), 0);
    for (size_t r = 0; r < row_groups; ++r) {
      for (size_t c = 0; c < col_groups; ++c) {
        out_.count[out_.kind[r][c]] += rows[r] * cols[c];
      }
    }
  }

  const Mesh mesh_;
  const MeshKinds& kinds_;
  AlikeBlocks out_;
  std::vector<Pair> pairs_[4];  // by Reach
  Interning row_kinds_, col_kinds_;
  std::vector<int> own_row_, own_col_;  // by row and column of blocks
};

}  // namespace

Mesh BlockSize(absl::Span<const Exchange> exchanges, const Mesh& mesh) {
  Mesh block{1, 1};
  for (const Exchange& e : exchanges) {
    AxisList moving = e.resolve;
    for (size_t d = 0; d < e.from.dims.size(); ++d) {
      const AxisList digits = MovingDigits(e.from.dims[d], e.to.dims[d]);
      moving.insert(moving.end(), digits.begin(), digits.end());
    }
    for (const AxisRef& ref : moving) {
      int64_t& size = ref.axis == MeshAxis::kY ? block.rows : block.cols;
      const int64_t side = AxisSize(mesh, ref.axis);
      size = CommonBlock(size, side / ref.pre, side);
    }
  }
  return block;
}

AlikeBlocks FindAlikeBlocks(absl::Span<const Exchange> exchanges, const Mesh& block,
                            const MeshKinds& kinds, const Mesh& mesh) {
  return Finder(exchanges, block, kinds, mesh).Run();
}

void AddExchangeLinks(const Exchange& exchange, int64_t times, const Mesh& mesh,
                      LinkBytes& links) {
  const Mesh block = BlockSize({&exchange, 1}, mesh);
  if (block.nodes() == 1) return;
  const AlikeBlocks alike = FindAlikeBlocks({&exchange, 1}, block, {}, mesh);
  std::vector<LinkBytes> of_kind;
  for (const MeshBlock& example : alike.example) {
    LinkLoads loads(example);
    AddExchangeLinks(exchange.from, exchange.to, exchange.resolve,
                     exchange.element_bytes, times, mesh, loads);
    of_kind.push_back(loads.Sum());
  }
  const int64_t width = block.cols * 4;
  alike.ForEach([&](const MeshBlock& at, int kind) {
    const int64_t* from = of_kind[kind].raw().data();
    for (int64_t r = at.first.row; r < at.row_end(); ++r, from += width) {
      int64_t* to = &links.raw()[NodeIndex({r, at.first.col}, mesh) * 4];
      for (int64_t i = 0; i < width; ++i) to[i] += from[i];
    }
  });
}

}  // namespace tatami
