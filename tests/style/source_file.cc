#include "tests/style/source_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace tatami::style {
namespace {

enum class Kind { kCode, kComment, kString, kCharacter };

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '_';
}

// One past the end of the comment or literal that starts at `begin`, and its kind; code
// is one character long. `open` and `close` are the lengths of its quotes.
struct Token {
  Kind kind = Kind::kCode;
  size_t end = 0, open = 0, close = 0;
};

Token QuotedToken(absl::string_view text, size_t begin, Kind kind) {
  size_t at = begin + 1;
  while (at < text.size() && text[at] != text[begin] && text[at] != '\n') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return {kind, std::min(at + 1, text.size()), 1, 1};
}

Token TokenAt(absl::string_view text, size_t begin) {
  const absl::string_view rest = text.substr(begin);
  const auto through = [&](absl::string_view ending, size_t from) {
    const size_t at = text.find(ending, from);
    return at == absl::string_view::npos ? text.size() : at + ending.size();
  };
  if (absl::StartsWith(rest, "//")) {
    const size_t line_end = text.find('\n', begin);
    return {Kind::kComment, std::min(line_end, text.size())};
  }
  if (absl::StartsWith(rest, "/*")) return {Kind::kComment, through("*/", begin + 2)};
  if (absl::StartsWith(rest, "R\"")) {
    const size_t paren = text.find('(', begin);
    const std::string ending =
        absl::StrCat(")", text.substr(begin + 2, paren - begin - 2), "\"");
    return {Kind::kString, through(ending, paren), paren - begin + 1, ending.size()};
  }
  if (rest[0] == '"') return QuotedToken(text, begin, Kind::kString);
  // A quote between digits only groups them: 1'000'000.
  const bool groups = begin > 0 && IsWord(text[begin - 1]);
  if (rest[0] == '\'' && !groups) return QuotedToken(text, begin, Kind::kCharacter);
  return {Kind::kCode, begin + 1};
}

void ForEachToken(absl::string_view text,
                  const std::function<void(size_t begin, const Token&)>& visit) {
  for (size_t at = 0; at < text.size();) {
    const Token token = TokenAt(text, at);
    visit(at, token);
    at = token.end;
  }
}

}  // namespace

absl::string_view TopFolder(absl::string_view path) {
  return path.substr(0, path.find('/'));
}

std::string BlankCommentsAndLiterals(absl::string_view text) {
  std::string blanked(text);
  ForEachToken(text, [&](size_t begin, const Token& token) {
    if (token.kind == Kind::kCode) return;
    for (size_t i = begin + token.open; i + token.close < token.end; ++i) {
      if (blanked[i] != '\n') blanked[i] = ' ';
    }
  });
  return blanked;
}

std::vector<std::string> StringLiterals(absl::string_view text) {
  std::vector<std::string> literals;
  ForEachToken(text, [&](size_t begin, const Token& token) {
    if (token.kind != Kind::kString) return;
    const size_t first = begin + token.open;
    const size_t last = std::max(first, token.end - token.close);
    literals.emplace_back(text.substr(first, last - first));
  });
  return literals;
}

SourceFile ReadSource(const std::string& root, const std::string& path) {
  std::ifstream in(root + "/" + path, std::ios::binary);
  TATAMI_CHECK(in.good()) << "cannot read " << path << " below " << root;
  std::stringstream text;
  text << in.rdbuf();
  return {path, text.str()};
}

std::vector<SourceFile> ReadTree(const std::string& root,
                                 const std::vector<std::string>& folders,
                                 const std::vector<std::string>& endings) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root + "/" + folder)) {
      const std::string name = entry.path().string();
      const bool wanted = std::any_of(
          endings.begin(), endings.end(),
          [&](const std::string& ending) { return absl::EndsWith(name, ending); });
      if (entry.is_regular_file() && wanted)
        paths.push_back(name.substr(root.size() + 1));
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<SourceFile> files;
  for (const std::string& path : paths) files.push_back(ReadSource(root, path));
  return files;
}

}  // namespace tatami::style
