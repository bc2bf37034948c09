#include "core/attrs.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/check.h"

namespace tatami {
namespace {

template <typename T>
const T& Get(const AttrValue* value, absl::string_view name) {
  TATAMI_CHECK(value != nullptr) << "no attribute '" << name << "'";
  const T* typed = std::get_if<T>(value);
  TATAMI_CHECK(typed != nullptr) << "attribute '" << name << "' has another type";
  return *typed;
}

}  // namespace

const AttrValue* Attrs::Find(absl::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

int64_t Attrs::Int(absl::string_view name) const {
  return Get<int64_t>(Find(name), name);
}
double Attrs::Double(absl::string_view name) const {
  return Get<double>(Find(name), name);
}
const std::string& Attrs::String(absl::string_view name) const {
  return Get<std::string>(Find(name), name);
}
const std::vector<int64_t>& Attrs::Ints(absl::string_view name) const {
  return Get<std::vector<int64_t>>(Find(name), name);
}

std::string Attrs::ToString() const {
  struct Print {
    std::string operator()(int64_t v) const { return absl::StrCat(v); }
    std::string operator()(double v) const { return absl::StrFormat("%.17g", v); }
    std::string operator()(const std::string& v) const {
      return absl::StrCat("'", v, "'");
    }
    std::string operator()(const std::vector<int64_t>& v) const {
      return absl::StrCat("[", absl::StrJoin(v, ","), "]");
    }
  };
  std::string out;
  for (const auto& [name, value] : values_) {
    absl::StrAppend(&out, out.empty() ? "" : " ", name, "=",
                    std::visit(Print{}, value));
  }
  return out;
}

}  // namespace tatami
