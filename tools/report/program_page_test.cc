// The page of a Program: its numbers, what names may do to it, what it asks for.
#include "tools/report/program_page.h"

#include <algorithm>

#include "compiler/test_graphs.h"
#include "compiler/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/matmul.h"
#include "tools/report/page_text.h"
#include "tools/report/program_data.h"

namespace tatami {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

// What a browser takes for the text of the element with id "data".
std::string DataElement(const std::string& page) {
  const std::string mark = "id=\"data\">";
  const size_t begin = page.find(mark) + mark.size();
  return page.substr(begin, page.find("</script", begin) - begin);
}

// One class for each set of sizes, storages one above the other.
void PlaceInOrder(Program& p) {
  for (int64_t n = 0; n < p.mesh.nodes(); ++n) {
    NodeClass c{.example = NodeAt(n, p.mesh), .nodes = 1, .peak_bytes = p.code_bytes};
    for (const ProgramBuffer& b : p.buffers) {
      const int64_t bytes = NumElements(b.placement.BoxAt(c.example, p.mesh)) * 4;
      c.storage_bytes.push_back((bytes + 63) / 64 * 64);
      c.address.push_back(c.peak_bytes);
      c.peak_bytes += c.storage_bytes.back();
    }
    size_t known = 0;
    while (known < p.classes.size() &&
           p.classes[known].storage_bytes != c.storage_bytes) {
      ++known;
    }
    if (known == p.classes.size()) {
      p.classes.push_back(c);
    } else {
      ++p.classes[known].nodes;
    }
    p.class_of_node.push_back(static_cast<int>(known));
  }
}

// C[4,n] = A[4,k] B[k,n] on a row of nodes: all lie cut by columns; A is gathered.
Program RowOfMatmuls(int64_t nodes, int64_t k, int64_t n) {
  const Mesh mesh{1, nodes};
  const TensorType a{DType::kF32, {4, k}}, b{DType::kF32, {k, n}},
      c{DType::kF32, {4, n}};
  const auto by_columns = [&](const TensorType& type) {
    Placement p = ReplicatedPlacement(type.dims);
    p.dims[1].axes = {WholeAxis(mesh, MeshAxis::kX)};
    return p;
  };
  GraphBuilder g("row");
  const Value product = Matmul(g, g.State("a", a, {}, true), g.State("b", b, {}, true));
  const auto call = std::make_shared<OpCall>(g.graph().CallOf(0));
  EXPECT_EQ(g.type(product), c);
  Program p{.model = "row",
            .machine = "test",
            .mesh = mesh,
            .sram_bytes = 1 << 20,
            .code_bytes = 64};
  p.calls = {{"product", call}};
  p.buffers = {{"a", a, by_columns(a), true, 0},
               {"a.in", a, ReplicatedPlacement(a.dims), false, 1},
               {"b", b, by_columns(b), true, 2},
               {"d_c", c, by_columns(c), false, 3}};
  ComputeOp compute{.call = 0, .in = {1, 2}, .out = 3};
  for (const Factor& f : (*call->op->rule)(*call).factors) {
    compute.factors.push_back({.dim_size = f.size, .factor_size = f.size});
    if (f.name == "n") compute.factors.back().axes = {WholeAxis(mesh, MeshAxis::kX)};
  }
  p.supersteps = {{.exchanges = {{.from = 0, .to = 1}}, .computes = {compute}}};
  p.states = {{"a", 0, {}, true}, {"b", 2, {}, true}};
  p.fetches = {{"c", 3}};
  p.storage_lifetime = {{0, 2}, {0, 1}, {0, 2}, {1, 2}};
  PlaceInOrder(p);
  EXPECT_TRUE(VerifyProgram(p).ok()) << VerifyProgram(p);
  return p;
}

// 2 operations for each of 4 x 8 products a column; columns are split 2, 3, 2, 3. Each
// node lacks the 2 of 8 columns of A that each other node has: 4 rows x 2 x 4 bytes.
TEST(ProgramData, AProductOnFourNodesHasTheNumbersCountedByHand) {
  const json data = ProgramData(RowOfMatmuls(4, 8, 10));
  const json& mesh = data["mesh"];
  EXPECT_EQ(mesh["flops"], json({128, 192, 128, 192}));
  // Code 64, A 64, all of A 128, B 64 or (8 x 3 x 4 = 96) 128, C 64.
  EXPECT_EQ(mesh["peak_bytes"], json({384, 448, 384, 448}));
  EXPECT_EQ(mesh["class"], json({0, 1, 0, 1}));
  // Over link c go the parts of all nodes up to c, once, and back those after it.
  EXPECT_EQ(mesh["east"], json({1 * 32, 2 * 32, 3 * 32, 0}));
  EXPECT_EQ(mesh["west"], json({0, 3 * 32, 2 * 32, 1 * 32}));
  EXPECT_EQ(mesh["south"], json({0, 0, 0, 0}));
  EXPECT_EQ(mesh["side"], 1);
  const json& superstep = data["supersteps"][0];
  EXPECT_EQ(superstep["exchanges"][0]["link_bytes"], 2 * (1 + 2 + 3) * 32);
  EXPECT_EQ(superstep["exchanges"][0]["link_bytes_max"], 3 * 32);
  EXPECT_EQ(superstep["computes"][0]["matrix_flops"], 640);
  EXPECT_EQ(superstep["computes"][0]["flops_max"], 192);
  EXPECT_EQ(superstep["computes"][0]["cut"], "n=x");
  EXPECT_EQ(superstep["computes"][0]["tick"], 1);
}

// The row of four lies on two rows of a 2x4 grid: node 2 is below its dead place.
TEST(ProgramData, OnADamagedGridEverythingIsDrawnWhereItLies) {
  Program p = RowOfMatmuls(4, 8, 10);
  p.site = MeshSite{*ParseDeadList({2, 4}, "(0,2),(1,0)-(1,1)"),
                    {p.mesh, {{0, 0}, {0, 1}, {1, 2}, {1, 3}}}};
  ASSERT_TRUE(VerifyProgram(p).ok()) << VerifyProgram(p);
  const json data = ProgramData(p);
  const json& mesh = data["mesh"];
  EXPECT_EQ(mesh["rows"], 2);
  EXPECT_EQ(mesh["flops"], json({128, 192, 0, 0, 0, 0, 128, 192}));
  EXPECT_EQ(mesh["class"], json({0, 1, -1, -1, -1, -1, 0, 1}));
  // From (0,1) to (1,2) by (1,1), as X-Y is dead; back by (1,1) too.
  EXPECT_EQ(mesh["east"], json({32, 0, 0, 0, 0, 64, 96, 0}));
  EXPECT_EQ(mesh["west"], json({0, 96, 0, 0, 0, 0, 64, 32}));
  EXPECT_EQ(mesh["south"], json({0, 64, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(mesh["north"], json({0, 0, 0, 0, 0, 64, 0, 0}));
  EXPECT_EQ(mesh["site"]["map"], "2x4 minus (0,2),(1,0)-(1,1)");
  EXPECT_EQ(mesh["site"]["dead"], json({0, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(mesh["site"]["spare"], json({0, 0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(mesh["site"]["dead_links"], json::array({json({1, 0, 1, 1})}));
  EXPECT_EQ(mesh["site"]["hosts"], json({0, 1, -1, -1, -1, -1, 2, 3}));
  const json& exchange = data["supersteps"][0]["exchanges"][0];
  EXPECT_EQ(exchange["link_bytes"], 2 * (32 + 2 * 64 + 96));
  EXPECT_FALSE(ProgramData(RowOfMatmuls(4, 8, 10))["mesh"].contains("site"));
}

TEST(ProgramData, BuffersHaveTheirTicksAndKinds) {
  const json data = ProgramData(RowOfMatmuls(4, 8, 10));
  const auto kind = [&](int buffer) {
    return data["kinds"][data["buffers"][buffer]["kind"].get<int>()];
  };
  EXPECT_EQ(kind(0), "state");
  EXPECT_EQ(kind(1), "staging");
  EXPECT_EQ(kind(3), "gradient");
  EXPECT_EQ(data["buffers"][1]["first"], 0);
  EXPECT_EQ(data["buffers"][1]["last"], 1);
  EXPECT_EQ(data["buffers"][3]["first"], 1);
  EXPECT_EQ(data["buffers"][3]["last"], 2);
  EXPECT_EQ(data["ticks"]["names"][1], "product");
  EXPECT_EQ(data["ticks"]["superstep"], json({0, 0, 0}));
  // The fullest class comes first.
  EXPECT_EQ(data["layouts"][0]["class"], 1);
  EXPECT_EQ(data["layouts"][0]["address"], json({64, 128, 256, 384}));
  EXPECT_EQ(data["layouts"][0]["bytes"], json({64, 128, 128, 64}));
}

// 300 nodes in a row need cells of 3; 699 columns are 99 times 3 and else 2, so each
// cell but one has a node with 3: 2 x 4 x 300 x 3 operations.
TEST(ProgramData, CellsOfSeveralNodesHaveTheLargestNumbers) {
  const Program p = RowOfMatmuls(300, 300, 699);
  const json data = ProgramData(p);
  const json& mesh = data["mesh"];
  EXPECT_EQ(mesh["side"], 3);
  EXPECT_EQ(mesh["cell_rows"], 1);
  EXPECT_EQ(mesh["cell_cols"], 100);
  EXPECT_EQ(mesh["flops_of_examples"], true);
  const LinkBytes links = CountLinkBytes(p);
  int64_t full_cells = 0;
  for (int64_t cell = 0; cell < 100; ++cell) {
    int64_t peak = 0, flops = 0, east = 0;
    for (int64_t n = 3 * cell; n < 3 * cell + 3; ++n) {
      const int64_t columns = (n + 1) * 699 / 300 - n * 699 / 300;
      peak = std::max(peak, p.classes[p.class_of_node[n]].peak_bytes);
      flops = std::max(flops, 2 * 4 * 300 * columns);
      east = std::max(east, links.at({0, n}, LinkBytes::kEast));
    }
    EXPECT_EQ(mesh["peak_bytes"][cell], peak);
    EXPECT_EQ(mesh["flops"][cell], flops);
    EXPECT_EQ(mesh["east"][cell], east);
    EXPECT_EQ(p.classes[mesh["class"][cell].get<int>()].peak_bytes, peak);
    full_cells += flops == 2 * 4 * 300 * 3;
  }
  EXPECT_EQ(full_cells, 99);
  EXPECT_EQ(data["supersteps"][0]["computes"][0]["matrix_flops"], 2 * 4 * 300 * 699);
}

TEST(ProgramData, TheSumsOfAStepAreThoseOfTheProgram) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const Program p = LoweredTrainingStep({2, 3}, seed);
    const json data = ProgramData(p);
    int64_t link_bytes = 0, flops = 0, cells = 0;
    for (const json& superstep : data["supersteps"]) {
      for (const json& e : superstep["exchanges"]) {
        link_bytes += e["link_bytes"].get<int64_t>();
      }
      for (const json& c : superstep["computes"]) {
        flops += c["matrix_flops"].get<int64_t>() + c["vector_flops"].get<int64_t>();
      }
    }
    for (const json& cell : data["mesh"]["flops"]) cells += cell.get<int64_t>();
    EXPECT_EQ(link_bytes, CountLinkBytes(p).total());
    EXPECT_EQ(flops, cells);
    const LinkBytes links = CountLinkBytes(p);
    EXPECT_EQ(data["mesh"]["south"][1], links.at({0, 1}, LinkBytes::kSouth));
    EXPECT_EQ(data["mesh"]["west"][5], links.at({1, 2}, LinkBytes::kWest));
  }
}

// Each feed stands at the superstep before which the host writes it.
TEST(ProgramData, FeedsStandWhereTheyArrive) {
  const Program p = LoweredTrainingStep({2, 3}, 1);
  const json data = ProgramData(p);
  size_t count = 0;
  for (const ProgramFeed& f : p.feeds) {
    const json& feeds = data["supersteps"][f.superstep]["feeds"];
    const json want = {{"to", f.buffer}, {"input", f.input}, {"part", 0}, {"parts", 1}};
    EXPECT_NE(std::find(feeds.begin(), feeds.end(), want), feeds.end()) << f.input;
    EXPECT_EQ(data["ticks"]["superstep"][data["buffers"][f.buffer]["first"].get<int>()],
              f.superstep);
  }
  for (const json& superstep : data["supersteps"]) count += superstep["feeds"].size();
  EXPECT_EQ(count, p.feeds.size());
}

// The fullest classes are kept; one always is.
TEST(ProgramData, OnlyTheFullestLayoutsAreKeptWhenThereAreMany) {
  Program p = RowOfMatmuls(4, 8, 10);
  const int64_t many = kPlacedStoragesMax / 4 + 1;
  p.classes.resize(1);
  for (int64_t c = 1; c < many; ++c) {
    p.classes.push_back(p.classes[0]);
    p.classes.back().peak_bytes += c;
  }
  p.class_of_node.assign(4, 0);
  const json data = ProgramData(p);
  EXPECT_EQ(data["layouts"].size(), static_cast<size_t>(kPlacedStoragesMax / 4));
  EXPECT_EQ(data["layouts"][0]["class"], many - 1);
}

TEST(ProgramPage, HoldsTheSummaryAndTheData) {
  const Program p = RowOfMatmuls(4, 8, 10);
  const json summary = {{"model", "row"}, {"peak_bytes", 448}};
  const std::string page = ProgramPage(p, summary);
  json want = ProgramData(p);
  want["summary"] = summary;
  EXPECT_EQ(json::parse(DataElement(page)), want);
  EXPECT_EQ(ProgramPage(p, summary), page);
}

TEST(ProgramPage, NamesCannotBecomeMarkup) {
  const std::string hostile =
      "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\"'&\\u003c";
  Program p = RowOfMatmuls(4, 8, 10);
  p.model = hostile;
  p.calls[0].name = hostile;
  p.buffers[0].name = hostile;
  const std::string page = ProgramPage(p, {{"model", hostile}});
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  const json data = json::parse(DataElement(page));
  EXPECT_EQ(data["summary"]["model"], hostile);
  EXPECT_EQ(data["supersteps"][0]["computes"][0]["call"], hostile);
  EXPECT_EQ(data["buffers"][0]["name"], hostile);
  // The scripts have no way to turn text into markup or code either.
  EXPECT_THAT(
      std::string(PageText()),
      AllOf(Not(HasSubstr("innerHTML")), Not(HasSubstr("outerHTML")),
            Not(HasSubstr("insertAdjacentHTML")), Not(HasSubstr("document.write")),
            Not(HasSubstr("eval(")), Not(HasSubstr("new Function"))));
}

TEST(ProgramPage, BytesThatAreNoTextDoNotStopIt) {
  Program p = RowOfMatmuls(4, 8, 10);
  p.buffers[0].name = "a\xff";
  const json data = json::parse(DataElement(ProgramPage(p, json::object())));
  EXPECT_EQ(data["buffers"][0]["name"], "a\xef\xbf\xbd");
}

TEST(ProgramPage, AsksForNoOtherFile) {
  const std::string page = ProgramPage(RowOfMatmuls(4, 8, 10), json::object());
  for (const char* reference : {"http:", "https:", "//cdn", " src=", "<link", "@import",
                                "url(", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
  // Every part is in its place.
  EXPECT_THAT(
      page,
      AllOf(Not(HasSubstr("@data@")), Not(HasSubstr(".css@")), Not(HasSubstr(".js@")),
            HasSubstr("function drawMesh("), HasSubstr("function drawMemory("),
            HasSubstr("function filterSchedule("), HasSubstr("--kind-0")));
}

}  // namespace
}  // namespace tatami
