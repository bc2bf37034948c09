// Each rule of the house, shown to fail on a text that breaks it.
#include "tests/style/rules.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/style/include_table.h"

namespace tatami::style {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, "  x = ", i, ";\n");
  return text;
}

Faults IncludeFaults(const std::string& path, const std::string& header) {
  return FindIncludeFaults({path, absl::StrCat("#include ", header, "\n")});
}

TEST(BlankTest, CommentsAndLiteralsBecomeSpacesAndLinesStay) {
  EXPECT_EQ(BlankCommentsAndLiterals("a /* {\n */ \"{\\\"\" '{' 1'000 // {\nb"),
            "a     \n    \"   \" ' ' 1'000     \nb");
  EXPECT_EQ(BlankCommentsAndLiterals("R\"x({)\" {)x\" {"), "R\"x(     )x\" {");
}

TEST(BlankTest, LiteralsAreFoundOutsideCommentsOnly) {
  EXPECT_THAT(StringLiterals("f(\"conv\"); // \"add\"\nR\"(relu)\""),
              ElementsAre("conv", "relu"));
}

TEST(IncludeTableTest, LowerFoldersDoNotSeeHigherOnes) {
  EXPECT_THAT(
      IncludeFaults("core/box.cc", "\"ops/matmul.h\""),
      ElementsAre(HasSubstr("core/box.cc:1: ops/matmul.h: core may not include")));
  EXPECT_EQ(IncludeFaults("ops/add.cc", "\"compiler/compile.h\"").size(), 1);
  EXPECT_EQ(IncludeFaults("compiler/a.cc", "\"runtime/transport.h\"").size(), 1);
  EXPECT_EQ(IncludeFaults("runtime/a.cc", "\"compiler/compile.h\"").size(), 1);
  EXPECT_EQ(IncludeFaults("models/a.cc", "\"compiler/compile.h\"").size(), 1);
  EXPECT_THAT(IncludeFaults("ops/add.cc", "\"core/graph.h\""), IsEmpty());
  EXPECT_THAT(IncludeFaults("tools/tatami/a.cc", "\"compiler/compile.h\""), IsEmpty());
}

TEST(IncludeTableTest, LibrariesStayWithTheirOwners) {
  EXPECT_EQ(IncludeFaults("ops/conv.cc", "<dnnl.hpp>").size(), 1);
  EXPECT_THAT(IncludeFaults("ops/kernels/onednn_conv.cc", "<dnnl.hpp>"), IsEmpty());
  EXPECT_EQ(IncludeFaults("runtime/emulator/emulator.cc", "<mpi.h>").size(), 1);
  EXPECT_THAT(IncludeFaults("runtime/transport_mpi.cc", "<mpi.h>"), IsEmpty());
  EXPECT_EQ(IncludeFaults("runtime/a.cc", "<libavcodec/avcodec.h>").size(), 1);
  EXPECT_EQ(IncludeFaults("core/plan.cc", "<google/protobuf/message.h>").size(), 1);
  EXPECT_EQ(IncludeFaults("core/plan.cc", "\"core/proto/machine.pb.h\"").size(), 1);
  EXPECT_EQ(IncludeFaults("runtime/a.cc", "<CLI/CLI.hpp>").size(), 1);
  EXPECT_EQ(IncludeFaults("core/box.cc", "\"gtest/gtest.h\"").size(), 1);
  EXPECT_EQ(IncludeFaults("core/latest_box.h", "\"gtest/gtest.h\"").size(), 1);
  EXPECT_THAT(IncludeFaults("core/box_test.cc", "\"gtest/gtest.h\""), IsEmpty());
  EXPECT_THAT(IncludeFaults("core/test_boxes.h", "\"gtest/gtest.h\""), IsEmpty());
  EXPECT_THAT(IncludeFaults("core/box.cc", "<vector>"), IsEmpty());
}

TEST(IncludeTableTest, AnUnknownLibraryIsAFault) {
  EXPECT_THAT(IncludeFaults("tools/a.cc", "<boost/any.hpp>"),
              ElementsAre(HasSubstr("third_party/README.md")));
  EXPECT_EQ(IncludeFaults("tools/a.cc", "<Eigen/Dense>").size(), 1);
}

TEST(IncludeTableTest, FilesThatIncludeMpiAreListed) {
  EXPECT_THAT(FilesThatIncludeMpi({{"a.cc", "#include <mpi.h>\n"},
                                   {"b.cc", "// #include <mpi.h>\n"},
                                   {"c.cc", "#include \"mpi.h\"\n"}}),
              ElementsAre("a.cc", "c.cc"));
}

TEST(SizeTest, LimitsAreInclusive) {
  EXPECT_THAT(FindSizeFaults({"core/a.cc", Lines(kFileLinesMax)}), IsEmpty());
  EXPECT_EQ(FindSizeFaults({"core/a.cc", Lines(kFileLinesMax + 1)}).size(), 1);
  EXPECT_THAT(FindSizeFaults({"core/a_test.cc", Lines(kTestFileLinesMax)}), IsEmpty());
  EXPECT_EQ(FindSizeFaults({"tests/a.cc", Lines(kTestFileLinesMax + 1)}).size(), 1);
}

TEST(SizeTest, ColumnsAreCodePoints) {
  EXPECT_THAT(FindSizeFaults({"a.cc", std::string(88, 'x')}), IsEmpty());
  EXPECT_EQ(FindSizeFaults({"a.cc", std::string(89, 'x')}).size(), 1);
  EXPECT_THAT(FindSizeFaults({"a.cc", std::string(87, 'x') + "µ"}), IsEmpty());
}

TEST(FunctionTest, LongOnesAreFoundWhereverTheyAre) {
  const std::string fits = Lines(kFunctionLinesMax - 2);
  const std::string is_long = Lines(kFunctionLinesMax - 1);
  const auto faults = [](const std::string& head, const std::string& body) {
    return FindFunctionFaults({"a.cc", absl::StrCat(head, " {\n", body, "}\n")}).size();
  };
  const std::vector<std::string> heads = {
      "void F()",
      "namespace a {\nint x; int F(int a) const",
      "class A : public B { public: A(); A(int x) : a_{x}, b_(x)",
      "struct A { void operator()(int x) override",
      "enum E { k };\nstruct A F(struct B b)",
      "TEST_P(Suite, Claim)",
      "const auto kTable = []"};
  for (const std::string& head : heads) {
    EXPECT_EQ(faults(head, fits), 0) << head;
    EXPECT_EQ(faults(head, is_long), 1) << head;
  }
}

TEST(FunctionTest, SignatureLinesCountAndScopesDoNot) {
  EXPECT_EQ(
      FindFunctionFaults({"a.cc", absl::StrCat("void F(\n    int a)\n{\n",
                                               Lines(kFunctionLinesMax - 3), "}")})
          .size(),
      1);
  const std::string small = "void F() {\n  f({1, 2});\n}\n";
  std::string many = "namespace a {\nclass B {\n";
  for (int i = 0; i < 60; ++i) many += small;
  EXPECT_THAT(FindFunctionFaults({"a.cc", many + "};\n}\n"}), IsEmpty());
}

TEST(FunctionTest, TablesDoNotCount) {
  std::string rows;
  for (int i = 0; i < kFunctionLinesMax; ++i) rows += "    {F({1}), 2},\n";
  const auto faults = [&](const std::string& inside) {
    return FindFunctionFaults({"a.cc", absl::StrCat("void F() {\n", inside, "}\n")});
  };
  EXPECT_THAT(faults("  T t[] = {\n" + rows + "  };\n"), IsEmpty());
  EXPECT_EQ(faults("  T t[] = {\n" + rows + "  };\n" + Lines(70)).size(), 1);
  EXPECT_EQ(faults("  auto f = [&] {\n" + Lines(70) + "  };\n").size(), 1);
  EXPECT_THAT(FindFunctionFaults({"a.cc", "const T kT[] = {\n" + rows + "};\n"}),
              IsEmpty());
}

TEST(NameTest, WordsThatSayNothing) {
  EXPECT_THAT(FindNameFaults("core/box.cc"), IsEmpty());
  EXPECT_THAT(FindNameFaults("ops/database.cc"), IsEmpty());
  for (const char* path : {"core/util.h", "ops/conv_helper.cc", "runtime/base.h",
                           "tools/job_manager.cc", "ops/kernels/conv_impl.h"}) {
    EXPECT_EQ(FindNameFaults(path).size(), 1) << path;
  }
}

TEST(UnfinishedTest, MarksAreFound) {
  EXPECT_THAT(FindUnfinishedFaults({"a.cc", absl::StrCat("x\n// TO", "DO: y\n")}),
              ElementsAre(HasSubstr("a.cc:2: ")));
  EXPECT_EQ(FindUnfinishedFaults({"a.md", absl::StrCat("FIX", "ME")}).size(), 1);
  EXPECT_THAT(FindUnfinishedFaults({"a.cc", "methodology, todos"}), IsEmpty());
}

TEST(HeaderTest, HeadersAreGuardedAndIncludedFirst) {
  EXPECT_THAT(FindHeaderFaults({"core/a.h", "// A.\n#pragma once\n"}, false),
              IsEmpty());
  EXPECT_EQ(FindHeaderFaults({"core/a.h", "// A.\nint x;\n"}, false).size(), 1);
  const SourceFile first{"core/a.cc", "// A.\n#include \"core/a.h\"\n#include <map>\n"};
  const SourceFile second{"core/a.cc", "#include <map>\n\n#include \"core/a.h\"\n"};
  EXPECT_THAT(FindHeaderFaults(first, true), IsEmpty());
  EXPECT_EQ(FindHeaderFaults(second, true).size(), 1);
  EXPECT_THAT(FindHeaderFaults(second, false), IsEmpty());
}

TEST(LinkTest, BrokenLinksAreFound) {
  const auto exists = [](const std::string& path) { return path == "core/box.h"; };
  EXPECT_THAT(
      FindLinkFaults({"README.md", "[a](core/box.h) [b](core/box.h#x)"}, exists),
      IsEmpty());
  EXPECT_THAT(FindLinkFaults({"docs/adr/1.md", "[a](../../core/box.h)"}, exists),
              IsEmpty());
  EXPECT_THAT(FindLinkFaults({"README.md", "[a](https://x.org/y) [b](#here)"}, exists),
              IsEmpty());
  EXPECT_THAT(FindLinkFaults({"docs/a.md", "x\n[a](core/box.h)"}, exists),
              ElementsAre(HasSubstr("docs/a.md:2: link to docs/core/box.h")));
  EXPECT_EQ(FindLinkFaults({"README.md", "![a](gone.png \"t\")"}, exists).size(), 1);
}

TEST(OpNameTest, PassesThatNameAnOpAreFound) {
  const std::set<std::string> ops = {"conv", "relu"};
  EXPECT_EQ(FindOpNameFaults({"a.cc", "if (name == \"conv\") f();"}, ops).size(), 1);
  EXPECT_THAT(FindOpNameFaults({"a.cc", "f(\"conv of\"); // \"conv\""}, ops),
              IsEmpty());
  EXPECT_THAT(FindOpNameFaults({"a.cc", "\nif (call.op == &ConvOp()) f();"}, ops),
              ElementsAre(HasSubstr("a.cc:2: ConvOp() is an op.")));
  EXPECT_THAT(
      FindOpNameFaults({"a.cc", "ExchangeOp e; // ConvOp()\nFindOp(name);"}, ops),
      IsEmpty());
}

TEST(ErrorCodeTest, CodesAndPagesAreComparedAsSets) {
  const std::string header =
      "enum class ErrorCode : int {\n kA = 101,  // kB = 102\n kC = 301,\n};\n"
      "constexpr int kD = 7;\n";
  const std::set<std::string> codes = ErrorCodesOf(header);
  EXPECT_THAT(codes, ElementsAre("E0101", "E0301"));
  EXPECT_THAT(FindSetFaults(codes, "codes", {"E0101", "E0301"}, "pages"), IsEmpty());
  EXPECT_THAT(FindSetFaults(codes, "codes", {"E0301", "E0401"}, "pages"),
              ElementsAre("E0101 is in codes, not in pages.",
                          "E0401 is in pages, not in codes."));
}

}  // namespace
}  // namespace tatami::style
