#include "runtime/recovery/fault_injector.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <map>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// In the order of the enums.
const std::vector<std::string>& KindNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"kill", "stop", "exit", "delay", "flip"};
  return *kNames;
}
const std::vector<std::string>& PhaseNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"load", "exchange",   "wait",     "compute",
                                   "loss", "checkpoint", "snapshot", "commit"};
  return *kNames;
}
const std::vector<std::string>& Keys() {
  static const auto* const kKeys = new std::vector<std::string>{
      "rank", "step", "phase", "superstep", "incarnation", "seconds"};
  return *kKeys;
}

bool HasSupersteps(FaultPhase phase) {
  return phase == FaultPhase::kExchange || phase == FaultPhase::kWait ||
         phase == FaultPhase::kCompute;
}

absl::Status Refused(absl::string_view text, absl::string_view why) {
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("--inject '", text, "': ", why,
                                " Its form is KIND:rank=R,step=S,phase=P, as "
                                "kill:rank=1,step=3,phase=wait,superstep=12."));
}

// "; did you mean 'wait'?", or the full stop.
std::string Hint(absl::string_view wrong, const std::vector<std::string>& known) {
  const std::string nearest = NearestName(wrong, known);
  return nearest.empty() ? "." : absl::StrCat("; ", nearest);
}

absl::StatusOr<int> IndexOf(absl::string_view text, absl::string_view what,
                            absl::string_view word,
                            const std::vector<std::string>& known) {
  const auto it = std::find(known.begin(), known.end(), word);
  if (it != known.end()) return static_cast<int>(it - known.begin());
  return Refused(text, absl::StrCat("no ", what, " '", word, "' among ",
                                    absl::StrJoin(known, ", "), Hint(word, known)));
}

using Fields = std::map<std::string, std::string>;

absl::StatusOr<Fields> FieldsOf(absl::string_view text, absl::string_view list) {
  Fields fields;
  for (const absl::string_view field : absl::StrSplit(list, ',')) {
    const std::vector<std::string> pair =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    if (pair.size() != 2) {
      return Refused(text, absl::StrCat("'", field, "' is no KEY=VALUE."));
    }
    TATAMI_RETURN_IF_ERROR(IndexOf(text, "key", pair[0], Keys()).status());
    if (!fields.emplace(pair[0], pair[1]).second) {
      return Refused(text, absl::StrCat(pair[0], " is given twice."));
    }
  }
  return fields;
}

// The whole number of a key; `otherwise` where it is not given, or an error if that is
// nullopt.
absl::StatusOr<int64_t> Number(absl::string_view text, const Fields& fields,
                               const std::string& key, int64_t least,
                               std::optional<int64_t> otherwise) {
  const auto it = fields.find(key);
  if (it == fields.end()) {
    if (otherwise) return *otherwise;
    return Refused(text, absl::StrCat(key, " is missing."));
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(it->second, &value) || value < least) {
    return Refused(text, absl::StrCat(key, " must be a whole number of at least ",
                                      least, "; got '", it->second, "'."));
  }
  return value;
}

absl::StatusOr<absl::Duration> Delay(absl::string_view text, const Fields& fields,
                                     FaultKind kind) {
  const auto it = fields.find("seconds");
  if ((it != fields.end()) != (kind == FaultKind::kDelay)) {
    return Refused(text, "seconds belong to delay, and delay needs them.");
  }
  if (it == fields.end()) return absl::ZeroDuration();
  double seconds = 0;
  if (!absl::SimpleAtod(it->second, &seconds) || !(seconds > 0) || seconds > 86400) {
    return Refused(text,
                   absl::StrCat("seconds must be above 0 and at most 86400; got '",
                                it->second, "'."));
  }
  return absl::Seconds(seconds);
}

}  // namespace

absl::StatusOr<Fault> ParseFault(absl::string_view text) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  Fault fault;
  TATAMI_ASSIGN_OR_RETURN(const int kind, IndexOf(text, "kind", parts[0], KindNames()));
  fault.kind = static_cast<FaultKind>(kind);
  if (parts.size() < 2) return Refused(text, "it does not say where.");
  TATAMI_ASSIGN_OR_RETURN(const Fields fields, FieldsOf(text, parts[1]));
  TATAMI_ASSIGN_OR_RETURN(const int64_t rank,
                          Number(text, fields, "rank", 0, std::nullopt));
  fault.rank = static_cast<int>(std::min<int64_t>(rank, 1 << 30));
  TATAMI_ASSIGN_OR_RETURN(fault.step, Number(text, fields, "step", 1, std::nullopt));
  const auto phase = fields.find("phase");
  if (phase == fields.end()) return Refused(text, "phase is missing.");
  TATAMI_ASSIGN_OR_RETURN(const int index,
                          IndexOf(text, "phase", phase->second, PhaseNames()));
  fault.phase = static_cast<FaultPhase>(index);
  if (fields.contains("superstep") && !HasSupersteps(fault.phase)) {
    return Refused(text, "superstep belongs to exchange, wait and compute.");
  }
  TATAMI_ASSIGN_OR_RETURN(fault.superstep, Number(text, fields, "superstep", 0, 0));
  TATAMI_ASSIGN_OR_RETURN(fault.incarnation, Number(text, fields, "incarnation", 1, 1));
  TATAMI_ASSIGN_OR_RETURN(fault.delay, Delay(text, fields, fault.kind));
  return fault;
}

std::string ToString(const Fault& fault) {
  std::string text = absl::StrCat(
      KindNames()[static_cast<int>(fault.kind)], ":rank=", fault.rank,
      ",step=", fault.step, ",phase=", PhaseNames()[static_cast<int>(fault.phase)]);
  if (HasSupersteps(fault.phase))
    absl::StrAppend(&text, ",superstep=", fault.superstep);
  absl::StrAppend(&text, ",incarnation=", fault.incarnation);
  if (fault.kind == FaultKind::kDelay) {
    absl::StrAppend(&text, ",seconds=", absl::ToDoubleSeconds(fault.delay));
  }
  return text;
}

absl::Status CheckHappens(const Fault& fault, int ranks, int64_t steps,
                          int64_t supersteps) {
  const auto check = [&](absl::string_view what, int64_t value, int64_t last) {
    if (value <= last) return absl::OkStatus();
    return Refused(ToString(fault),
                   absl::StrCat("the last ", what, " of this run is ", last, "."));
  };
  TATAMI_RETURN_IF_ERROR(check("rank", fault.rank, ranks - 1));
  TATAMI_RETURN_IF_ERROR(check("step", fault.step, steps));
  return check("superstep", fault.superstep, supersteps - 1);
}

FaultInjector::FaultInjector(const std::vector<Fault>& faults, int rank,
                             int64_t incarnation) {
  for (const Fault& fault : faults) {
    if (fault.rank == rank && fault.incarnation == incarnation) {
      faults_.push_back(fault);
    }
  }
}

void FaultInjector::At(FaultPhase phase, int64_t superstep,
                       absl::Span<std::byte> memory) {
  const auto it = std::find_if(faults_.begin(), faults_.end(), [&](const Fault& f) {
    return f.step == step_ && f.phase == phase && f.superstep == superstep;
  });
  if (it == faults_.end()) return;
  const Fault fault = *it;
  faults_.erase(it);
  std::cerr << absl::StrCat("injected ", ToString(fault), "\n") << std::flush;
  switch (fault.kind) {
    case FaultKind::kKill:
      std::raise(SIGKILL);
      break;
    case FaultKind::kStop:
      std::raise(SIGSTOP);
      break;
    case FaultKind::kExit:
      _exit(1);
    case FaultKind::kDelay:
      absl::SleepFor(fault.delay);
      break;
    case FaultKind::kFlip:
      if (!memory.empty()) memory[memory.size() / 2] ^= std::byte{1};
      break;
  }
}

}  // namespace tatami
