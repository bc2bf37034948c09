#include "tools/bench/pytorch_operator.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

using Bytes = std::vector<std::byte>;

nlohmann::json ToJson(const Attrs& attrs) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : attrs.values()) {
    const auto& key = name;
    std::visit([&object, &key](const auto& v) { object[key] = v; }, value);
  }
  return object;
}

nlohmann::json ToJson(const TensorType& type) {
  return {{"dtype", std::string(Name(type.dtype))},
          {"dims", std::vector<int64_t>(type.dims.begin(), type.dims.end())}};
}

absl::Status Unexpected(absl::string_view what) {
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat("PyTorch's runner of operators: ", what));
}

absl::StatusOr<Bytes> ReadBytes(const std::string& path, int64_t size) {
  Bytes bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (file.gcount() != size || file.peek() != EOF) {
    return Unexpected(absl::StrCat(path, " is not of ", size, " bytes"));
  }
  return bytes;
}

absl::StatusOr<nlohmann::json> AskForObject(LineProcess& process,
                                            const nlohmann::json& request) {
  TATAMI_ASSIGN_OR_RETURN(const std::string line, process.Ask(request.dump()));
  nlohmann::json answer = nlohmann::json::parse(line, nullptr, false);
  if (!answer.is_object()) return Unexpected(absl::StrCat("answered '", line, "'"));
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PytorchOperators>> PytorchOperators::Start() {
  TATAMI_ASSIGN_OR_RETURN(auto folder, ScratchFolder::Make());
  TATAMI_ASSIGN_OR_RETURN(
      auto process,
      LineProcess::Start(PytorchScript("pytorch_kernels.py", {}), kPytorchRemedy));
  return std::unique_ptr<PytorchOperators>(
      new PytorchOperators(std::move(folder), std::move(process)));
}

absl::StatusOr<PytorchOperators::Opened> PytorchOperators::Open(const LocalCall& at) {
  nlohmann::json request = {{"op", std::string(*at.call->op->name)},
                            {"attrs", ToJson(at.call->attrs)},
                            {"in", nlohmann::json::array()},
                            {"folder", folder_->path()}};
  for (const TensorType& type : at.call->in) request["in"].push_back(ToJson(type));
  TATAMI_ASSIGN_OR_RETURN(const nlohmann::json answer,
                          AskForObject(*process_, request));
  Opened opened;
  if (answer.contains("none")) {
    opened.none = answer["none"];
    return opened;
  }
  opened.formats = answer["formats"].get<std::vector<std::string>>();
  opened.differs = answer["more"];
  for (size_t i = 0; i < at.call->in.size(); ++i) {
    TATAMI_ASSIGN_OR_RETURN(
        opened.in.emplace_back(),
        ReadBytes(absl::StrCat(folder_->path(), "/in", i), at.call->in[i].bytes()));
  }
  for (size_t i = 0; i < opened.formats.size(); ++i) {
    TATAMI_ASSIGN_OR_RETURN(
        opened.out.emplace_back(),
        ReadBytes(absl::StrCat(folder_->path(), "/out", i), at.call->out.bytes()));
  }
  if (answer["magnitude"]) {
    const TensorType f32 = {DType::kF32, at.call->out.dims};
    TATAMI_ASSIGN_OR_RETURN(
        const Bytes bytes,
        ReadBytes(absl::StrCat(folder_->path(), "/magnitude"), f32.bytes()));
    opened.magnitude.resize(f32.num_elements());
    std::memcpy(opened.magnitude.data(), bytes.data(), bytes.size());
  }
  return opened;
}

absl::StatusOr<double> PytorchOperators::SecondsPerCall(size_t format, double seconds) {
  TATAMI_ASSIGN_OR_RETURN(
      const nlohmann::json answer,
      AskForObject(*process_, {{"format", format}, {"seconds", seconds}}));
  if (!answer.contains("seconds")) return Unexpected("no time in its answer");
  return answer["seconds"].get<double>();
}

}  // namespace tatami
