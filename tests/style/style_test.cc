// The tree obeys the rules of the house.
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/all_ops.h"
#include "tests/style/include_table.h"
#include "tests/style/rules.h"
#include "tests/style/source_file.h"

namespace tatami::style {
namespace {

const char kRoot[] = TATAMI_SOURCE_DIR;

bool Exists(const std::string& path) {
  return std::filesystem::exists(std::string(kRoot) + "/" + path);
}

const std::vector<SourceFile>& Sources() {
  static const auto* const kSources = new std::vector<SourceFile>(ReadTree(
      kRoot, {"core", "ops", "compiler", "runtime", "models", "tools", "tests"},
      {".h", ".cc"}));
  return *kSources;
}

std::vector<SourceFile> Documents() {
  std::vector<SourceFile> documents = ReadTree(kRoot, {"docs", "third_party"}, {".md"});
  for (const char* name : {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"}) {
    documents.push_back(ReadSource(kRoot, name));
  }
  return documents;
}

// What `find` says about each of the files.
template <typename Find>
std::string FaultsOf(const std::vector<SourceFile>& files, Find find) {
  Faults all;
  for (const SourceFile& file : files) {
    const Faults faults = find(file);
    all.insert(all.end(), faults.begin(), faults.end());
  }
  return absl::StrJoin(all, "\n");
}

TEST(StyleTest, TheTreeIsThere) {
  EXPECT_GE(Sources().size(), 200u) << "sources below " << kRoot;
}

TEST(StyleTest, IncludesObeyTheTable) {
  EXPECT_EQ(FaultsOf(Sources(), FindIncludeFaults), "");
}

TEST(StyleTest, OneFileSeesMpi) {
  EXPECT_THAT(FilesThatIncludeMpi(Sources()),
              testing::ElementsAre("runtime/transport_mpi.cc"));
}

TEST(StyleTest, FilesAndLinesAreWithinTheirLimits) {
  EXPECT_EQ(FaultsOf(Sources(), FindSizeFaults), "");
}

TEST(StyleTest, FunctionsAreWithinTheirLimit) {
  EXPECT_EQ(FaultsOf(Sources(), FindFunctionFaults), "");
}

TEST(StyleTest, FileNamesSayWhatTheFileKnows) {
  EXPECT_EQ(FaultsOf(Sources(), [](const auto& f) { return FindNameFaults(f.path); }),
            "");
}

TEST(StyleTest, NothingIsMarkedUnfinished) {
  EXPECT_EQ(FaultsOf(Sources(), FindUnfinishedFaults), "");
  EXPECT_EQ(FaultsOf(Documents(), FindUnfinishedFaults), "");
}

TEST(StyleTest, HeadersAreGuardedAndIncludedFirst) {
  EXPECT_EQ(FaultsOf(Sources(),
                     [](const SourceFile& file) {
                       const std::string stem =
                           file.path.substr(0, file.path.rfind('.'));
                       return FindHeaderFaults(file, Exists(stem + ".h"));
                     }),
            "");
}

TEST(StyleTest, LinksOfDocumentsExist) {
  EXPECT_EQ(FaultsOf(Documents(),
                     [](const auto& file) { return FindLinkFaults(file, Exists); }),
            "");
}

// Passes, search and lowering alike. differentiate.cc and training_step.cc add calls by
// the functions of ops/ (Fill, Add), and ask of no call which op it is.
TEST(StyleTest, NothingInTheCompilerNamesAnOp) {
  std::set<std::string> names;
  for (const OpDef* op : AllOps()) names.emplace(*op->name);
  const auto sources = ReadTree(kRoot, {"compiler"}, {".h", ".cc"});
  EXPECT_GE(sources.size(), 30u);
  EXPECT_EQ(FaultsOf(sources,
                     [&](const SourceFile& file) {
                       // A test may build the graph of one op and look for another.
                       if (absl::EndsWith(file.path, "_test.cc")) return Faults();
                       return FindOpNameFaults(file, names);
                     }),
            "");
}

TEST(StyleTest, EveryErrorCodeHasItsPage) {
  std::set<std::string> pages;
  for (const SourceFile& page : ReadTree(kRoot, {"docs/errors"}, {".md"})) {
    pages.insert(std::filesystem::path(page.path).stem());
  }
  const auto codes = ErrorCodesOf(ReadSource(kRoot, "core/error.h").text);
  EXPECT_GE(codes.size(), 10u);
  EXPECT_EQ(
      absl::StrJoin(FindSetFaults(codes, "core/error.h", pages, "docs/errors"), "\n"),
      "");
}

}  // namespace
}  // namespace tatami::style
