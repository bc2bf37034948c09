// Attributes of one use of an op: a small sorted map from name to value, printable and
// comparable so that Graphs and Programs can be hashed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace tatami {

using AttrValue = std::variant<int64_t, double, std::string, std::vector<int64_t>>;

class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const std::string, AttrValue>> init)
      : values_(init) {}

  void Set(absl::string_view name, AttrValue value) {
    values_.insert_or_assign(std::string(name), std::move(value));
  }
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }

  // REQUIRES: the attribute exists with this type; an op's own builder put it there.
  int64_t Int(absl::string_view name) const;
  double Double(absl::string_view name) const;
  const std::string& String(absl::string_view name) const;
  const std::vector<int64_t>& Ints(absl::string_view name) const;

  const std::map<std::string, AttrValue, std::less<>>& values() const {
    return values_;
  }

  // "axis=1 stride=[2,2]"; doubles print with 17 digits, so equal text is equal value.
  std::string ToString() const;
  friend bool operator==(const Attrs&, const Attrs&) = default;

 private:
  const AttrValue* Find(absl::string_view name) const;
  std::map<std::string, AttrValue, std::less<>> values_;
};

}  // namespace tatami
