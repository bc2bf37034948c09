#include "tools/bench/pytorch_peer.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {

absl::StatusOr<PytorchPeer> PytorchPeer::Start(const std::string& model, int64_t batch,
                                               int threads, Precision precision) {
  TATAMI_ASSIGN_OR_RETURN(
      auto process,
      LineProcess::Start(
          PytorchScript("pytorch_step.py",
                        {model, absl::StrCat(batch), absl::StrCat(threads),
                         std::string(Name(precision))}),
          kPytorchRemedy));
  return PytorchPeer(std::move(process));
}

absl::StatusOr<RunTime> PytorchPeer::RunSteps(absl::string_view format, int steps) {
  TATAMI_ASSIGN_OR_RETURN(const std::string answer,
                          process_->Ask(absl::StrCat(format, " ", steps)));
  RunTime time;
  if (std::sscanf(answer.c_str(), "%lf %lf", &time.seconds, &time.cpu_seconds) != 2 ||
      !(time.seconds > 0)) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("PyTorch answered '", answer,
                                  "' where seconds and processor seconds were due"));
  }
  return time;
}

}  // namespace tatami
