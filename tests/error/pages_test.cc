// Every error code has a page, a tested sample on it, and the other way round.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "absl/strings/str_format.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using Codes = std::set<std::string>;

// All matches of the first group of `pattern`, made into codes.
Codes Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  Codes codes;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    codes.insert(absl::StrFormat("E%04d", std::stoi((*it)[1])));
  }
  return codes;
}

Codes CodesOfHeader() {
  return Matches(FileText("core/error.h"), R"(\n  k\w+ = (\d+),)");
}

TEST(ErrorPages, EveryCodeHasOneAndEveryPageACode) {
  Codes pages;
  for (const auto& file : std::filesystem::directory_iterator("docs/errors")) {
    pages.insert(file.path().stem());
  }
  EXPECT_EQ(pages, CodesOfHeader());
}

TEST(ErrorPages, EverySampleIsComparedWithWhatIsSaid) {
  std::string tests;
  for (const char* folder : {"tests/error", "tests/jobs"}) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().string().ends_with("_test.cc")) tests += FileText(file.path());
    }
  }
  EXPECT_EQ(Matches(tests, R"re(SampleOfPage\("E0*(\d+)"\))re"), CodesOfHeader());
}

TEST(ErrorPages, EachSaysItsExitCodeCauseRemedyAndCost) {
  for (const std::string& code : CodesOfHeader()) {
    const std::string page = FileText("docs/errors/" + code + ".md");
    const int family = std::stoi(code.substr(1)) / 100;
    EXPECT_TRUE(page.starts_with("# " + code + ": ")) << code;
    EXPECT_NE(page.find(absl::StrFormat(", exit code %d.\n", family == 1 ? 2 : family)),
              std::string::npos)
        << code;
    for (const char* section : {"\n## Sample\n", "\n## Cause\n", "\n## How to fix it\n",
                                "\n## What it costs\n"}) {
      EXPECT_NE(page.find(section), std::string::npos) << code << section;
    }
    EXPECT_TRUE(SampleOfPage(code).starts_with(code + ": ")) << code;
  }
}

TEST(ErrorPages, EveryCommandThatAPageNamesIsThere) {
  const std::string help = RunTatami({"--help"}, {.folder = "."}).out;
  for (const std::string& code : CodesOfHeader()) {
    const std::string page = FileText("docs/errors/" + code + ".md");
    const std::regex command("`tatami ([a-z]+)");
    for (std::sregex_iterator it(page.begin(), page.end(), command), end; it != end;
         ++it) {
      EXPECT_NE(help.find("\n  " + (*it)[1].str() + " "), std::string::npos)
          << code << " names " << it->str() << "`";
    }
  }
}

}  // namespace
}  // namespace tatami::testing
