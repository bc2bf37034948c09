// Finds functions by their braces. Not a parser: it knows a block by the words before
// its brace, which is enough for code that clang-format laid out.
#include <algorithm>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/style/rules.h"

namespace tatami::style {
namespace {

enum class Block {
  kScope,        // a namespace or a type: functions may be inside
  kFunction,     // also the value of a variable, as `= [] {`
  kInitializer,  // `member_{1}` between a constructor's signature and its body
};

// What the brace after `head` opens, where `head` is what stands between it and the
// previous ';' or block.
Block BlockAfter(absl::string_view head) {
  static const std::regex* const kScopeHead =
      new std::regex(R"((^|\s)(namespace|class|struct|union|enum|extern)(\s|$))");
  static const std::regex* const kConstructor = new std::regex(R"(\)\s*:[^:])");
  const std::string words(absl::StripAsciiWhitespace(head));
  const size_t paren = words.find('(');
  const std::string before_paren = words.substr(0, paren);
  if (paren == std::string::npos) {
    return words.empty() || std::regex_search(words, *kScopeHead) ? Block::kScope
                                                                  : Block::kFunction;
  }
  const bool ends_in_name = absl::ascii_isalnum(words.back()) || words.back() == '_';
  const bool ends_in_keyword = absl::EndsWith(words, ") const") ||
                               absl::EndsWith(words, "override") ||
                               absl::EndsWith(words, "noexcept");
  if (ends_in_name && !ends_in_keyword && std::regex_search(words, *kConstructor)) {
    return Block::kInitializer;
  }
  const bool scope = std::regex_search(before_paren, *kScopeHead) &&
                     !absl::StrContains(words, ") {") && words.back() != ')' &&
                     !ends_in_keyword;
  return scope ? Block::kScope : Block::kFunction;
}

// The code with comments and literals blanked and preprocessor lines dropped.
std::string CodeOf(absl::string_view text) {
  std::string code = BlankCommentsAndLiterals(text);
  bool directive = false;
  for (size_t begin = 0; begin < code.size();) {
    const size_t end = std::min(code.find('\n', begin), code.size());
    directive = directive || code[begin] == '#';
    const bool continues = directive && end > begin && code[end - 1] == '\\';
    if (directive) std::fill(code.begin() + begin, code.begin() + end, ' ');
    directive = continues;
    begin = end + 1;
  }
  return code;
}

// One past the brace that closes the one at `open`.
size_t PastBlock(absl::string_view code, size_t open) {
  int depth = 0;
  for (size_t at = open; at < code.size(); ++at) {
    if (code[at] == '{') ++depth;
    if (code[at] == '}' && --depth == 0) return at + 1;
  }
  return code.size();
}

// Lines inside the tables of values `= {...}` of a block: data, not steps to follow.
int64_t TableLines(absl::string_view block) {
  static const std::regex* const kTable = new std::regex(R"(=\s*\{)");
  int64_t lines = 0;
  std::cregex_iterator it(block.begin(), block.end(), *kTable), end;
  for (size_t past = 0; it != end; ++it) {
    const size_t open = it->position() + it->length() - 1;
    if (open < past) continue;  // inside the table before
    past = PastBlock(block, open);
    const absl::string_view table = block.substr(open, past - open);
    if (absl::StrContains(table, ";")) continue;
    lines += std::count(table.begin(), table.end(), '\n');
  }
  return lines;
}

}  // namespace

Faults FindFunctionFaults(const SourceFile& file) {
  const std::string code = CodeOf(file.text);
  const auto line_of = [&](size_t offset) {
    return 1 + std::count(code.begin(), code.begin() + offset, '\n');
  };
  Faults faults;
  size_t head = 0;  // where the statement in hand begins
  for (size_t at = 0; at < code.size();) {
    if (code[at] == ';' || code[at] == '}') head = at + 1;
    if (code[at] != '{') {
      ++at;
      continue;
    }
    const absl::string_view words = absl::string_view(code).substr(head, at - head);
    const Block block = BlockAfter(words);
    if (block == Block::kScope) {
      head = ++at;
      continue;
    }
    const size_t brace = at, end = PastBlock(code, brace);
    at = end;
    if (block == Block::kInitializer) continue;
    const size_t first =
        head + (words.size() - absl::StripLeadingAsciiWhitespace(words).size());
    // From the word before the brace on, so that a table at the top is seen as one too.
    const size_t from = first < brace ? code.find_last_not_of(" \n", brace - 1) : brace;
    const auto lines = line_of(end - 1) - line_of(first) + 1 -
                       TableLines(absl::string_view(code).substr(from, end - from));
    if (lines > kFunctionLinesMax) {
      faults.push_back(absl::StrCat(file.path, ":", line_of(first), ": a function of ",
                                    lines, " lines; ", kFunctionLinesMax,
                                    " is the limit. Name its parts."));
    }
    head = end;
  }
  return faults;
}

}  // namespace tatami::style
