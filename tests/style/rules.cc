#include "tests/style/rules.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace tatami::style {
namespace {

int LineOf(absl::string_view text, size_t offset) {
  return 1 + std::count(text.begin(), text.begin() + offset, '\n');
}

std::string Stem(absl::string_view path) {
  return std::filesystem::path(std::string(path)).stem().string();
}

bool IsTest(absl::string_view path) {
  return TopFolder(path) == "tests" || absl::EndsWith(path, "_test.cc");
}

size_t CodePoints(absl::string_view line) {
  return std::count_if(line.begin(), line.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

Faults FindSizeFaults(const SourceFile& file) {
  Faults faults;
  std::vector<absl::string_view> lines = absl::StrSplit(file.text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  const size_t lines_max = IsTest(file.path) ? kTestFileLinesMax : kFileLinesMax;
  if (lines.size() > lines_max) {
    faults.push_back(absl::StrCat(file.path, ": ", lines.size(), " lines; ", lines_max,
                                  " is the limit. Split it by what it knows."));
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t columns = CodePoints(lines[i]);
    if (columns <= kLineColumnsMax) continue;
    faults.push_back(absl::StrCat(file.path, ":", i + 1, ": ", columns, " columns; ",
                                  kLineColumnsMax, " is the limit."));
  }
  return faults;
}

Faults FindNameFaults(absl::string_view path) {
  static const auto* const kEmpty =
      new std::set<std::string>{"util",    "utils",   "common",  "misc", "helper",
                                "helpers", "manager", "handler", "base", "impl"};
  Faults faults;
  const std::vector<std::string> words = absl::StrSplit(Stem(path), '_');
  for (const std::string& word : words) {
    if (!kEmpty->contains(word)) continue;
    faults.push_back(
        absl::StrCat(path, ": '", word, "' says nothing. Name what the file knows."));
  }
  return faults;
}

Faults FindUnfinishedFaults(const SourceFile& file) {
  // Written in parts, so that this file has none of the words.
  static const std::regex* const kMarks = new std::regex(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X|HA"
      "CK)\\b");
  Faults faults;
  const std::vector<std::string> lines = absl::StrSplit(file.text, '\n');
  int number = 0;
  for (const std::string& line : lines) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, *kMarks)) continue;
    faults.push_back(absl::StrCat(file.path, ":", number, ": ", match.str(),
                                  ". Finish it, or file an issue."));
  }
  return faults;
}

Faults FindHeaderFaults(const SourceFile& file, bool has_own_header) {
  if (absl::EndsWith(file.path, ".h")) {
    if (absl::StrContains(file.text, "\n#pragma once\n")) return {};
    return {absl::StrCat(file.path, ": no #pragma once after the opening comment.")};
  }
  if (!has_own_header) return {};
  const std::string own = absl::StrCat(file.path.substr(0, file.path.rfind('.')), ".h");
  const size_t first = file.text.find("#include ");
  if (first != std::string::npos &&
      absl::StartsWith(absl::string_view(file.text).substr(first),
                       absl::StrCat("#include \"", own, "\""))) {
    return {};
  }
  return {absl::StrCat(file.path, ": the first include is not ", own,
                       ". Including it first proves that it compiles alone.")};
}

Faults FindLinkFaults(const SourceFile& file,
                      const std::function<bool(const std::string&)>& exists) {
  static const std::regex* const kLink = new std::regex(R"(\]\(([^)\s]+)[^)]*\))");
  Faults faults;
  const auto folder = std::filesystem::path(file.path).parent_path();
  for (std::sregex_iterator it(file.text.begin(), file.text.end(), *kLink), end;
       it != end; ++it) {
    std::string target = (*it)[1];
    if (absl::StrContains(target, "://") || absl::StartsWith(target, "mailto:"))
      continue;
    target = target.substr(0, target.find('#'));
    if (target.empty()) continue;
    const std::string path = (folder / target).lexically_normal().string();
    if (exists(path)) continue;
    faults.push_back(absl::StrCat(file.path, ":", LineOf(file.text, it->position()),
                                  ": link to ", path, ", which does not exist."));
  }
  return faults;
}

Faults FindOpNameFaults(const SourceFile& file, const std::set<std::string>& op_names) {
  static const std::regex* const kOpCall = new std::regex(R"(\b[A-Z]\w*Op\(\))");
  Faults faults;
  const std::string code = BlankCommentsAndLiterals(file.text);
  for (std::sregex_iterator it(code.begin(), code.end(), *kOpCall), end; it != end;
       ++it) {
    faults.push_back(
        absl::StrCat(file.path, ":", LineOf(code, it->position()), ": ", it->str(),
                     " is an op. Ask the OpDef of the call for the property."));
  }
  for (const std::string& literal : StringLiterals(file.text)) {
    if (!op_names.contains(literal)) continue;
    faults.push_back(absl::StrCat(
        file.path, ": \"", literal,
        "\" is the name of an op. Ask its OpDef for the property that matters."));
  }
  return faults;
}

std::set<std::string> ErrorCodesOf(absl::string_view error_header) {
  const std::string code = BlankCommentsAndLiterals(error_header);
  const size_t begin = code.find("enum class ErrorCode");
  const std::string body = begin == std::string::npos
                               ? ""
                               : code.substr(begin, code.find('}', begin) - begin);
  static const std::regex* const kValue = new std::regex(R"(\bk\w+\s*=\s*(\d+))");
  std::set<std::string> codes;
  for (std::sregex_iterator it(body.begin(), body.end(), *kValue), end; it != end;
       ++it) {
    codes.insert(absl::StrFormat("E%04d", std::stoi((*it)[1])));
  }
  return codes;
}

Faults FindSetFaults(const std::set<std::string>& a, absl::string_view a_name,
                     const std::set<std::string>& b, absl::string_view b_name) {
  Faults faults;
  for (const std::string& item : a) {
    if (!b.contains(item)) {
      faults.push_back(absl::StrCat(item, " is in ", a_name, ", not in ", b_name, "."));
    }
  }
  for (const std::string& item : b) {
    if (!a.contains(item)) {
      faults.push_back(absl::StrCat(item, " is in ", b_name, ", not in ", a_name, "."));
    }
  }
  return faults;
}

}  // namespace tatami::style
