#include "compiler/explain.h"

#include "absl/strings/str_split.h"
#include "compiler/test_graphs.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const Compiled& Explained() {
  static const auto* const kCompiled =
      new Compiled(*Compile(ConvNetTrainingStep(), *LoadMachine("d1_die"),
                            {.mesh = {2, 3}, .choices = true}));
  return *kCompiled;
}

int Count(absl::string_view text, absl::string_view what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++count;
  return count;
}

TEST(Explain, EveryCallHasACutATimeAndNoLineIsTooLong) {
  const std::string text = ExplainPlan(Explained());
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
  }
  const int calls = static_cast<int>(Explained().graph.calls.size());
  EXPECT_EQ(Count(text, "\n  cut     "), calls);
  EXPECT_EQ(Count(text, "\n  time    "), calls);
  for (const GraphCall& call : Explained().graph.calls) {
    EXPECT_THAT(text, HasSubstr("\n" + call.name + " ")) << call.name;
  }
}

// Worded by hand from the rule of C[m,n] = sum over k of A[m,k] B[k,n].
TEST(Explain, OneCallTellsItsRuleInWords) {
  const auto text = ExplainCall(Explained(), "matmul");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("m of 2: may be cut; a part makes its own part"));
  EXPECT_THAT(*text, HasSubstr("may be cut; a part makes terms, added up"));
  size_t m = 0;
  for (; Explained().graph.calls[m].name != "matmul"; ++m) {
  }
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  size_t first = 0;
  while (!lines[first].ends_with("  cut")) ++first;
  EXPECT_EQ(lines[first + 1].substr(0, 2), "* ");
  for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
  int rows = 0;
  for (size_t i = first + 1; i < lines.size(); ++i) {
    if (!lines[i].empty() && lines[i].substr(0, 60).find(" ns") != lines[i].npos) {
      ++rows;
    }
  }
  EXPECT_THAT(Explained().choices[m], SizeIs(rows));
}

TEST(Explain, ACallThatIsNotThereIsAnErrorWithTheNearestName) {
  const absl::Status status = ExplainCall(Explained(), "matmull").status();
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kBadFlag);
  EXPECT_THAT(std::string(status.message()), HasSubstr("did you mean 'matmul'?"));
}

}  // namespace
}  // namespace tatami
