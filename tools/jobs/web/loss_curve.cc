#include "tools/jobs/web/loss_curve.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace tatami::jobs {
namespace {

CurvePoint Joined(const CurvePoint& a, const CurvePoint& b) {
  const auto of_a = static_cast<double>(a.steps);
  const auto of_b = static_cast<double>(b.steps);
  return {.step = b.step,
          .steps = a.steps + b.steps,
          .mean = (a.mean * of_a + b.mean * of_b) / (of_a + of_b),
          .low = std::min(a.low, b.low),
          .high = std::max(a.high, b.high)};
}

}  // namespace

void LossCurve::Restart() {
  offset_ = 0;
  last_line_.clear();
  stride_ = 1;
  steps_not_finite_ = 0;
  points_.clear();
}

void LossCurve::Read() {
  struct stat info;
  std::ifstream file(path_, std::ios::binary);
  if (!file || stat(path_.c_str(), &info) != 0) return;
  if (info.st_ino != inode_) Restart();
  inode_ = info.st_ino;
  std::string line;
  if (offset_ > 0) {  // does the file still say what it said?
    file.seekg(offset_ - static_cast<int64_t>(last_line_.size()) - 1);
    if (!std::getline(file, line) || file.eof() || line != last_line_) {
      Restart();
      file.clear();
      file.seekg(0);
    }
  }
  while (std::getline(file, line)) {
    if (file.eof()) return;  // no end of line yet: it is still being written
    offset_ += static_cast<int64_t>(line.size()) + 1;
    AddLine(line);
    last_line_ = std::move(line);
  }
}

void LossCurve::AddLine(const std::string& line) {
  const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains("step")) return;
  const auto loss = object.find("train/loss");
  if (loss == object.end() || !object["step"].is_number_integer()) return;
  if (loss->is_number()) {
    Add(object["step"].get<int64_t>(), loss->get<double>());
  } else {
    ++steps_not_finite_;  // JSON has no NaN: metrics.jsonl says null
  }
}

void LossCurve::Add(int64_t step, double loss) {
  const CurvePoint one{
      .step = step, .steps = 1, .mean = loss, .low = loss, .high = loss};
  if (!points_.empty() && points_.back().steps < stride_) {
    points_.back() = Joined(points_.back(), one);
    return;
  }
  if (points_.size() == kPointsMax) {
    for (size_t i = 0; i < kPointsMax / 2; ++i) {
      points_[i] = Joined(points_[2 * i], points_[2 * i + 1]);
    }
    points_.resize(kPointsMax / 2);
    stride_ *= 2;
  }
  points_.push_back(one);
}

}  // namespace tatami::jobs
