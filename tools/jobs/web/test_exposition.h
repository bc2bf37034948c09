// Prometheus' text format 0.0.4, read strictly, for tests: what its page says and what
// `promtool check metrics` asks for, and nothing beyond.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tatami::jobs {

struct Exposition {
  std::map<std::string, std::string> types;  // by family
  // By name, then by labels, as {{"state", "free"}}.
  std::map<std::string, std::map<std::map<std::string, std::string>, double>> samples;
  std::string fault;  // of the first bad line; "" when there is none
};

class ExpositionParser {
 public:
  static Exposition Parse(absl::string_view text) {
    ExpositionParser parser;
    if (!absl::EndsWith(text, "\n")) parser.Fault("the last line has no end", "");
    for (absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
      parser.Line(line);
    }
    return parser.out_;
  }

 private:
  void Fault(absl::string_view what, absl::string_view line) {
    if (out_.fault.empty()) out_.fault = absl::StrCat(what, ": ", line);
  }

  static bool IsName(absl::string_view name, absl::string_view also) {
    if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) {
      return false;
    }
    for (const char c : name) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' &&
          also.find(c) == also.npos) {
        return false;
      }
    }
    return true;
  }

  void Line(absl::string_view line) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "# HELP ")) return Help(rest);
    if (absl::ConsumePrefix(&rest, "# TYPE ")) return Type(rest);
    Sample(line);
  }

  void Help(absl::string_view rest) {
    const std::vector<std::string> words =
        absl::StrSplit(rest, absl::MaxSplits(' ', 1));
    if (words.size() != 2 || words[1].empty()) return Fault("HELP without text", rest);
    if (!IsName(words[0], ":")) return Fault("bad name", rest);
    if (!families_.insert(words[0]).second) return Fault("family said twice", rest);
    family_ = words[0];
  }

  void Type(absl::string_view rest) {
    const std::vector<std::string> words = absl::StrSplit(rest, ' ');
    if (words.size() != 2 || words[0] != family_)
      return Fault("TYPE away from HELP", rest);
    const std::string& type = words[1];
    if (type != "gauge" && type != "counter" && type != "summary") {
      return Fault("unknown type", rest);
    }
    if ((type == "counter") != absl::EndsWith(family_, "_total")) {
      return Fault("counters, and they alone, end in _total", rest);
    }
    out_.types[family_] = type;
  }

  void Sample(absl::string_view line) {
    const size_t end = line.find_first_of("{ ");
    if (end == line.npos) return Fault("no value", line);
    const std::string name(line.substr(0, end));
    if (!IsName(name, ":")) return Fault("bad name", line);
    const auto type = out_.types.find(family_);
    if (type == out_.types.end()) return Fault("sample before its TYPE", line);
    const bool of_family = type->second == "summary"
                               ? name == family_ + "_sum" || name == family_ + "_count"
                               : name == family_;
    if (!of_family) return Fault("sample of another family", line);
    absl::string_view rest = line.substr(end);
    const auto labels = Labels(rest);
    if (!labels) return Fault("bad labels", line);
    if (!absl::ConsumePrefix(&rest, " ")) return Fault("no space before value", line);
    double value = 0;
    if (!absl::SimpleAtod(rest, &value)) return Fault("bad value", line);
    if (!out_.samples[name].emplace(*labels, value).second) {
      return Fault("sample said twice", line);
    }
  }

  // Takes {a="b",c="d"} from the front of `rest`.
  static std::optional<std::map<std::string, std::string>> Labels(
      absl::string_view& rest) {
    std::map<std::string, std::string> labels;
    if (!absl::ConsumePrefix(&rest, "{")) return labels;
    while (true) {
      const size_t equals = rest.find('=');
      if (equals == rest.npos) return std::nullopt;
      const std::string name(rest.substr(0, equals));
      rest.remove_prefix(equals + 1);
      const auto value = Quoted(rest);
      if (!IsName(name, "") || !value || !labels.emplace(name, *value).second) {
        return std::nullopt;
      }
      if (absl::ConsumePrefix(&rest, "}")) return labels;
      if (!absl::ConsumePrefix(&rest, ",")) return std::nullopt;
    }
  }

  static std::optional<std::string> Quoted(absl::string_view& rest) {
    if (!absl::ConsumePrefix(&rest, "\"")) return std::nullopt;
    std::string value;
    while (!rest.empty()) {
      const char c = rest[0];
      rest.remove_prefix(1);
      if (c == '"') return value;
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      if (rest.empty()) return std::nullopt;
      const char escaped = rest[0];
      rest.remove_prefix(1);
      if (escaped != '\\' && escaped != '"' && escaped != 'n') return std::nullopt;
      value.push_back(escaped == 'n' ? '\n' : escaped);
    }
    return std::nullopt;
  }

  Exposition out_;
  std::set<std::string> families_;
  std::string family_;
};

}  // namespace tatami::jobs
