// Files of the tree as text, and text with comments and literals blanked out, which is
// what most rules of the house look at.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tatami::style {

struct SourceFile {
  std::string path;  // from the repository root, as "core/box.h"
  std::string text;
};

// "core" of "core/proto/machine_text.cc"; the whole path where there is no slash.
absl::string_view TopFolder(absl::string_view path);

// C++ text of the same length and the same lines: comments become spaces, and so do the
// characters inside string, raw string and character literals, their quotes kept.
std::string BlankCommentsAndLiterals(absl::string_view text);

// The contents of the string literals outside comments, escapes left as written.
std::vector<std::string> StringLiterals(absl::string_view text);

// Files below `folders` of the repository `root` whose names end in one of `endings`,
// sorted by path. Build output is not looked at. Aborts when a file cannot be read.
std::vector<SourceFile> ReadTree(const std::string& root,
                                 const std::vector<std::string>& folders,
                                 const std::vector<std::string>& endings);

// Aborts when the file cannot be read.
SourceFile ReadSource(const std::string& root, const std::string& path);

}  // namespace tatami::style
