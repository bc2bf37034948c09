#include "tests/conformance/cuts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tatami::conformance {

std::vector<Cut> EveryCut(const IndexRule& rule) {
  std::vector<size_t> cuttable;
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    if (rule.factors[f].kind != FactorKind::kWhole && rule.factors[f].size > 1) {
      cuttable.push_back(f);
    }
  }
  std::vector<Cut> cuts;
  const Cut uncut(rule.factors.size(), 1);
  for (size_t i = 0; i < cuttable.size(); ++i) {
    for (int64_t parts : {2, 3}) {
      cuts.push_back(uncut);
      cuts.back()[cuttable[i]] = parts;
    }
    for (size_t j = 0; j < i; ++j) {
      cuts.push_back(uncut);
      cuts.back()[cuttable[i]] = 2;
      cuts.back()[cuttable[j]] = 3;
    }
  }
  return cuts;
}

std::vector<Box> PartsOf(const IndexRule& rule, const Cut& cut) {
  std::vector<Box> parts = {rule.WholeFactors()};
  for (size_t f = 0; f < cut.size(); ++f) {
    std::vector<Box> finer;
    for (const Box& part : parts) {
      for (int64_t p = 0; p < cut[f]; ++p) {
        finer.push_back(part);
        finer.back()[f] = FloorSplit(rule.factors[f].size, cut[f], p);
        if (finer.back()[f].empty()) finer.pop_back();
      }
    }
    parts = std::move(finer);
  }
  return parts;
}

std::vector<Box> WholeAndParts(const IndexRule& rule) {
  std::vector<Box> all = {rule.WholeFactors()};
  for (const Cut& cut : EveryCut(rule)) {
    for (Box& part : PartsOf(rule, cut)) {
      if (std::find(all.begin(), all.end(), part) == all.end()) {
        all.push_back(std::move(part));
      }
    }
  }
  return all;
}

std::string ToString(const IndexRule& rule, const Cut& cut) {
  std::string out;
  for (size_t f = 0; f < cut.size(); ++f) {
    if (cut[f] == 1) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", rule.factors[f].name, " in ",
                    cut[f]);
  }
  return out;
}

}  // namespace tatami::conformance
