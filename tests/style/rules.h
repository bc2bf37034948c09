// The rules of the house as functions from text to faults, so that each can be shown to
// fail on a text that breaks it. A fault reads "path:line: what is wrong. What to do."
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/style/source_file.h"

namespace tatami::style {

using Faults = std::vector<std::string>;

constexpr int kFileLinesMax = 500;
constexpr int kTestFileLinesMax = 800;
constexpr int kLineColumnsMax = 88;
constexpr int kFunctionLinesMax = 70;

// File and line limits. Columns are code points, so that "µ" counts once.
Faults FindSizeFaults(const SourceFile& file);

// Functions (with everything inside them) longer than kFunctionLinesMax, counted from
// the first line of the signature to the closing brace. Tables of values do not count.
Faults FindFunctionFaults(const SourceFile& file);

// File names that say nothing: util, common, misc, helper, manager, handler, base,
// impl.
Faults FindNameFaults(absl::string_view path);

// Marks of unfinished work.
Faults FindUnfinishedFaults(const SourceFile& file);

// A header without #pragma once, or a source file that does not include its own header
// first. The latter is how every header with a source file is compiled alone; the rest
// are compiled alone by the target headers_alone.
Faults FindHeaderFaults(const SourceFile& file, bool has_own_header);

// Links of a Markdown file to files that do not exist. `exists` is asked for paths from
// the repository root; links to the web and within the page are not looked at.
Faults FindLinkFaults(const SourceFile& file,
                      const std::function<bool(const std::string&)>& exists);

// String literals equal to the name of an op, and calls such as ConvOp() that give its
// OpDef: passes must learn what an op can do from the OpDef at hand.
Faults FindOpNameFaults(const SourceFile& file, const std::set<std::string>& op_names);

// The values of `enum class ErrorCode` in core/error.h, as "E0301".
std::set<std::string> ErrorCodesOf(absl::string_view error_header);

// One fault for each element that only one of the sets has.
Faults FindSetFaults(const std::set<std::string>& a, absl::string_view a_name,
                     const std::set<std::string>& b, absl::string_view b_name);

}  // namespace tatami::style
