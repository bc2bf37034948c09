#include "core/program.h"

#include <functional>

#include "core/toy_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

Placement CutFirstDim(const Dims& dims, const Mesh& mesh, MeshAxis axis) {
  Placement p = ReplicatedPlacement(dims);
  p.dims[0].axes = {WholeAxis(mesh, axis)};
  return p;
}

// A state cut over the rows of a 2x3 mesh is gathered, and passed through an op.
Program SmallProgram() {
  const Mesh mesh{2, 3};
  const TensorType type{DType::kF32, {4, 5}};
  const auto call =
      std::make_shared<OpCall>(OpCall{.op = &ToyRowsOp(), .in = {type}, .out = type});
  const Placement cut = CutFirstDim(type.dims, mesh, MeshAxis::kY);
  const Placement whole = ReplicatedPlacement(type.dims);
  Program p{.model = "small",
            .machine = "test",
            .mesh = mesh,
            .sram_bytes = 1024,
            .code_bytes = 64};
  p.calls = {{.name = "rows", .call = call}};
  p.buffers = {{"w", type, cut, true, 0},
               {"w.in", type, whole, false, 1},
               {"rows", type, whole, false, 1}};
  p.supersteps = {
      {.exchanges = {{.from = 0, .to = 1}},
       .computes = {{.call = 0, .factors = {{4, 4}, {5, 5}}, .in = {1}, .out = 2}}}};
  p.states = {{"w", 0, {.kind = Init::kConstant, .scale = 0.5}, true}};
  p.fetches = {{"y", 2}};
  p.classes = {{{0, 0}, 6, {64, 128}, {64, 128}, 256}};
  p.class_of_node.assign(6, 0);
  p.storage_lifetime = {{0, 1}, {0, 1}};
  return p;
}

TEST(Program, PrintsEverythingThatNodesDo) {
  EXPECT_EQ(SmallProgram().ToString(),
            "program small on test 2x3 sram 1024 code 64\n"
            "buffer 0 w f32[4,5] {4/y 5} storage 0 ticks 0..1 persistent\n"
            "buffer 1 w.in f32[4,5] {4 5} storage 1 ticks 0..1\n"
            "buffer 2 rows f32[4,5] {4 5} storage 1 ticks 0..1\n"
            "superstep 0\n"
            "  exchange 0 -> 1\n"
            "  compute rows toy_rows {} (1) -> 2 cut 4/ 5/\n"
            "state w 0 init 1 0.5 trainable\n"
            "fetch y 2\n"
            "class of (0,0) nodes 6 peak 256 at 64 128 bytes 64 128\n"
            "classes 0 0 0 0 0 0\n");
}

MeshSite SiteOn(const Mesh& grid, absl::string_view dead, const Mesh& mesh) {
  return *LayMesh(*ParseDeadList(grid, dead), mesh);
}

TEST(Program, PrintsWhereItsMeshLies) {
  Program p = SmallProgram();
  p.site = SiteOn({3, 4}, "(0,1)", {2, 3});
  const std::string text = p.ToString();
  EXPECT_EQ(text.substr(0, text.find("buffer")),
            "program small on test 2x3 sram 1024 code 64\n"
            "site 3x4 minus (0,1) at (1,0) (1,1) (1,2) (2,0) (2,1) (2,2)\n");
  EXPECT_EQ(p.grid(), (Mesh{3, 4}));
  EXPECT_EQ(SmallProgram().grid(), (Mesh{2, 3}));
}

TEST(Program, AnyChangeChangesTheHash) {
  const std::string hash = SmallProgram().Hash();
  EXPECT_EQ(hash.size(), 16u);
  EXPECT_EQ(SmallProgram().Hash(), hash);
  const std::vector<std::function<void(Program&)>> changes = {
      [](Program& p) { p.model = "other"; },
      [](Program& p) {
        p.mesh = {3, 2};
      },
      [](Program& p) { p.buffers[1].storage = 0; },
      [](Program& p) { p.buffers[0].persistent = false; },
      [](Program& p) { p.buffers[0].placement.dims[0].axes.clear(); },
      [](Program& p) { p.buffers[1].placement.dims[0].map.lo = -1; },
      [](Program& p) { p.supersteps[0].exchanges[0].to = 2; },
      [](Program& p) {
        p.supersteps[0].exchanges[0].resolve = {{MeshAxis::kY, 1, 2}};
      },
      [](Program& p) { p.supersteps[0].computes[0].in[0] = 2; },
      [](Program& p) { p.states[0].init.scale = 0.25; },
      [](Program& p) { p.fetches[0].buffer = 1; },
      [](Program& p) { p.classes[0].address[1] = 192; },
      [](Program& p) { p.storage_lifetime[1].second = 0; },
      [](Program& p) {
        p.site = SiteOn({3, 4}, "(0,1)", {2, 3});
      },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    Program p = SmallProgram();
    changes[i](p);
    EXPECT_NE(p.Hash(), hash) << "change " << i;
  }
}

TEST(Program, AddressesAreThoseOfTheNodesClass) {
  Program p = SmallProgram();
  EXPECT_EQ(p.Address(2, {1, 2}), 128);
  p.classes.push_back({{1, 2}, 1, {64, 128}, {64, 320}, 448});
  p.class_of_node[5] = 1;
  EXPECT_EQ(p.Address(2, {1, 2}), 320);
  EXPECT_EQ(p.Address(2, {1, 1}), 128);
  EXPECT_EQ(p.peak_bytes(), 448);
}

// Rows 0-1 lie on mesh row 0 and rows 2-3 on mesh row 1, in every column; each node
// gets the two rows it lacks, 2 x 5 x 4 bytes, from its own column.
TEST(CountLinkBytes, CountsEachCopyOnItsRoute) {
  const Program p = SmallProgram();
  const LinkBytes links = CountLinkBytes(p);
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(links.at({0, c}, LinkBytes::kSouth), 40);
    EXPECT_EQ(links.at({1, c}, LinkBytes::kNorth), 40);
  }
  EXPECT_EQ(links.total(), 6 * 40);
}

// Columns 0, 1 and 3 host row 0; below (0,1) is the dead node, so that node (1,1) of
// the mesh lies on (1,2) and is two hops away. From there X-Y would lead through the
// dead node, so the way back is the way there.
TEST(CountLinkBytes, CountsAPathForEachLinkOfTheMesh) {
  Program p = SmallProgram();
  const LiveMesh live = *ParseDeadList({2, 4}, "(1,1)");
  p.site = MeshSite{live, {{2, 3}, {{0, 0}, {0, 1}, {0, 3}, {1, 0}, {1, 2}, {1, 3}}}};
  const LinkBytes links = CountLinkBytes(p);
  LinkBytes want({2, 4});
  const auto add = [&](NodeCoord from, LinkBytes::Direction d) {
    want.raw()[NodeIndex(from, {2, 4}) * 4 + d] += 40;
  };
  for (const int64_t col : {0, 3}) {
    add({0, col}, LinkBytes::kSouth);
    add({1, col}, LinkBytes::kNorth);
  }
  add({0, 1}, LinkBytes::kEast);
  add({0, 2}, LinkBytes::kSouth);
  add({1, 2}, LinkBytes::kNorth);
  add({0, 2}, LinkBytes::kWest);
  EXPECT_EQ(links, want);
}

}  // namespace
}  // namespace tatami
