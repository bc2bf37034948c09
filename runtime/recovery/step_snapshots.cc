#include "runtime/recovery/step_snapshots.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/emulator/transfer_lists.h"

namespace tatami {
namespace {

constexpr int kSlots = 2;
constexpr char kPrefix[] = "snapshot-";

std::string FileName(absl::string_view kind, int rank, int slot) {
  return absl::StrCat(kPrefix, kind, "-rank-", rank, ".", slot);
}

// The same bytes of every rank, by rank, on all ranks.
absl::StatusOr<std::vector<std::string>> Share(Transport& transport,
                                               absl::string_view mine) {
  TATAMI_ASSIGN_OR_RETURN(const auto gathered, transport.GatherToRoot(AsBytes(mine)));
  std::vector<std::byte> all;
  const auto append = [&all](const void* from, size_t bytes) {
    const auto* begin = static_cast<const std::byte*>(from);
    all.insert(all.end(), begin, begin + bytes);
  };
  for (const std::vector<std::byte>& one : gathered) {
    const uint64_t size = one.size();
    append(&size, sizeof size);
    append(one.data(), size);
  }
  TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(all));
  std::vector<std::string> shared;
  for (size_t at = 0; at < all.size();) {
    uint64_t size = 0;
    std::memcpy(&size, all.data() + at, sizeof size);
    at += sizeof size;
    shared.emplace_back(reinterpret_cast<const char*>(all.data() + at), size);
    at += size;
  }
  return shared;
}

}  // namespace

std::string ThisHost() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  PosixStorage storage;
  const auto start = ReadText(storage, "/proc/sys/kernel/random/boot_id", 64);
  return absl::StrCat(name, " ", start.ok() ? *start : "");
}

StepSnapshots::StepSnapshots(SnapshotContent content, Transport& transport,
                             Storage& storage, SnapshotOptions options)
    : content_(std::move(content)),
      transport_(transport),
      storage_(storage),
      options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<StepSnapshots>> StepSnapshots::Create(
    SnapshotContent content, Transport& transport, Storage& storage,
    SnapshotOptions options) {
  auto snapshots = absl::WrapUnique(
      new StepSnapshots(std::move(content), transport, storage, std::move(options)));
  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(snapshots->options_.dir));
  TATAMI_ASSIGN_OR_RETURN(snapshots->hosts_,
                          Share(transport, snapshots->options_.host));
  return snapshots;
}

// The ranks of a host share out the files of its folder; sorted, so that they agree.
absl::StatusOr<std::vector<std::string>> StepSnapshots::FilesHere() {
  int64_t ranks_here = 0, place = 0;
  for (int r = 0; r < transport_.size(); ++r) {
    if (hosts_[r] != options_.host) continue;
    if (r < transport_.rank()) ++place;
    ++ranks_here;
  }
  TATAMI_ASSIGN_OR_RETURN(const auto names, storage_.List(options_.dir));
  std::vector<std::string> mine;
  int64_t number = 0;
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kPrefix)) continue;
    if (number++ % ranks_here == place) mine.push_back(options_.dir + "/" + name);
  }
  return mine;
}

bool StepSnapshots::IsOfThisRun(const SnapshotHeader& header) const {
  return content_.program == absl::string_view(header.program, sizeof header.program) &&
         header.seed == content_.seed;
}

int64_t StepSnapshots::BytesOf(int64_t node_begin, int64_t node_end) const {
  const auto& bytes = content_.node_bytes;
  return std::accumulate(bytes.begin() + node_begin, bytes.begin() + node_end,
                         int64_t{0});
}

// Headers of this run in files of this rank's share, torn ones too: their incarnation
// counts. What a header says of nodes is checked here and nowhere else.
absl::StatusOr<std::vector<StepSnapshots::Source>> StepSnapshots::ReadFilesHere(
    std::string& warnings) {
  const auto nodes = static_cast<int64_t>(content_.node_bytes.size());
  std::vector<Source> found;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FilesHere());
  for (const std::string& path : paths) {
    TATAMI_ASSIGN_OR_RETURN(const int64_t bytes, storage_.FileBytes(path));
    std::vector<std::byte> image(bytes);
    TATAMI_RETURN_IF_ERROR(storage_.Read(path, 0, absl::MakeSpan(image)));
    ImageCheck check = CheckImage(image);
    const SnapshotHeader& h = check.header;
    if (check.state == ImageState::kTorn && h.incarnation == 0) continue;
    if (check.state != ImageState::kDamaged && !IsOfThisRun(h)) {
      check = {.state = ImageState::kDamaged,
               .why = absl::StrCat("it is of program ",
                                   std::string(h.program, sizeof h.program),
                                   " and seed ", h.seed, ", and this run of program ",
                                   content_.program, " and seed ", content_.seed)};
    } else if (check.state == ImageState::kWhole &&
               (h.node_begin < 0 || h.node_begin > h.node_end || h.node_end > nodes ||
                BytesOf(h.node_begin, h.node_end) != h.body_bytes)) {
      check = {.state = ImageState::kDamaged,
               .why = absl::StrCat("it has ", h.body_bytes, " bytes for nodes ",
                                   h.node_begin, " to ", h.node_end, " of ", nodes)};
    }
    if (check.state == ImageState::kDamaged) {
      absl::StrAppend(&warnings, "warning: snapshot '", path,
                      "' is not used: ", check.why, "\n");
      continue;
    }
    found.push_back({.header = h, .rank = transport_.rank(), .path = path});
  }
  return found;
}

absl::StatusOr<std::optional<int64_t>> StepSnapshots::FindNewest() {
  std::string warnings;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<Source> mine, ReadFilesHere(warnings));
  std::string headers;
  for (const Source& s : mine) {
    headers.append(reinterpret_cast<const char*>(&s.header), sizeof s.header);
  }
  TATAMI_ASSIGN_OR_RETURN(const auto all, Share(transport_, headers));
  TATAMI_ASSIGN_OR_RETURN(const auto said, Share(transport_, warnings));
  warnings_.clear();
  for (const std::string& text : said) {
    for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      warnings_.emplace_back(line);
    }
  }
  // By step and incarnation, then by the first node; of copies the first rank's.
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, Source>> snapshots;
  for (int r = 0; r < transport_.size(); ++r) {
    for (size_t i = 0; i * sizeof(SnapshotHeader) < all[r].size(); ++i) {
      Source s{.rank = r};
      std::memcpy(&s.header, all[r].data() + i * sizeof s.header, sizeof s.header);
      if (r == transport_.rank()) s.path = mine[i].path;
      incarnation_ = std::max(incarnation_, s.header.incarnation + 1);
      if (s.header.whole == 0) continue;
      snapshots[{s.header.step, s.header.incarnation}].emplace(s.header.node_begin, s);
    }
  }
  newest_.clear();
  for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
    int64_t node = 0;
    std::vector<Source> sources;
    for (const auto& [begin, source] : it->second) {
      if (begin != node) break;
      node = source.header.node_end;
      sources.push_back(source);
    }
    if (node != static_cast<int64_t>(content_.node_bytes.size())) continue;
    newest_ = std::move(sources);
    return it->first.first;
  }
  return std::nullopt;
}

absl::Status StepSnapshots::RestoreFrom(const Source& source) {
  std::vector<std::byte> body;
  absl::Status status;
  if (source.rank == transport_.rank()) {
    std::vector<std::byte> image(sizeof(SnapshotHeader) + source.header.body_bytes);
    status = storage_.Read(source.path, 0, absl::MakeSpan(image));
    const ImageCheck check = CheckImage(image);
    if (status.ok() && (check.state != ImageState::kWhole ||
                        check.header.body_hash != source.header.body_hash)) {
      status = MakeError(ErrorCode::kCheckpointCorrupt,
                         absl::StrCat("snapshot '", source.path,
                                      "' changed while it was read. See that one run "
                                      "alone uses the folder, then --resume."));
    }
    if (status.ok()) body.assign(image.begin() + sizeof(SnapshotHeader), image.end());
  }
  TATAMI_ASSIGN_OR_RETURN(auto gathered, transport_.GatherToRoot(body));
  if (transport_.rank() == 0) body = std::move(gathered[source.rank]);
  TATAMI_RETURN_IF_ERROR(transport_.BroadcastFromRoot(body));
  TATAMI_RETURN_IF_ERROR(status);
  if (static_cast<int64_t>(body.size()) != source.header.body_bytes) {
    return MakeError(ErrorCode::kCheckpointCorrupt,
                     absl::StrCat("rank ", source.rank,
                                  " could not read its part of the snapshot; see what "
                                  "it says."));
  }
  const HostedNodes hosted =
      HostedNodes::Of(transport_.rank(), transport_.size(), content_.node_bytes.size());
  const std::byte* from = body.data();
  for (int64_t n = source.header.node_begin; n < source.header.node_end; ++n) {
    if (n < hosted.begin || n >= hosted.end) {
      from += content_.node_bytes[n];
      continue;
    }
    for (const absl::Span<std::byte> state : content_.hosted[n - hosted.begin]) {
      if (state.empty()) continue;
      std::memcpy(state.data(), from, state.size());
      from += state.size();
    }
  }
  return absl::OkStatus();
}

absl::Status StepSnapshots::Restore() {
  TATAMI_CHECK(!newest_.empty()) << "FindNewest found nothing";
  for (const Source& source : newest_) TATAMI_RETURN_IF_ERROR(RestoreFrom(source));
  return absl::OkStatus();
}

SnapshotHeader StepSnapshots::HeaderOf(int64_t step) const {
  const HostedNodes hosted =
      HostedNodes::Of(transport_.rank(), transport_.size(), content_.node_bytes.size());
  SnapshotHeader header{.seed = content_.seed,
                        .step = step,
                        .incarnation = incarnation_,
                        .node_begin = hosted.begin,
                        .node_end = hosted.end};
  TATAMI_CHECK(content_.program.size() == sizeof header.program) << content_.program;
  std::memcpy(header.program, content_.program.data(), sizeof header.program);
  return header;
}

// Parts of a pattern are whole images, so that a copy is a file like the original.
absl::Status StepSnapshots::OpenSlot(int slot) {
  const int rank = transport_.rank(), size = transport_.size(), half = size / 2;
  const int to = (rank + half) % size, of = (rank + size - half) % size;
  const auto image_bytes = [&](int r) {
    const HostedNodes h = HostedNodes::Of(r, size, content_.node_bytes.size());
    return static_cast<int64_t>(sizeof(SnapshotHeader)) + BytesOf(h.begin, h.end);
  };
  Slot& s = slots_.emplace_back();
  TATAMI_ASSIGN_OR_RETURN(
      s.own, MappedFile::Open(options_.dir + "/" + FileName("own", rank, slot),
                              image_bytes(rank)));
  std::vector<Transport::Part> sends, receives;
  if (hosts_[to] != hosts_[rank]) sends.push_back({to, s.own->bytes()});
  if (hosts_[of] != hosts_[rank]) {
    TATAMI_ASSIGN_OR_RETURN(
        s.copy, MappedFile::Open(options_.dir + "/" + FileName("copy", of, slot),
                                 image_bytes(of)));
    receives.push_back({of, s.copy->bytes()});
  }
  TATAMI_ASSIGN_OR_RETURN(s.pattern,
                          transport_.AddPattern(std::move(sends), std::move(receives)));
  return absl::OkStatus();
}

absl::Status StepSnapshots::Begin(int64_t first_step) {
  slots_.clear();
  for (int slot = 0; slot < kSlots; ++slot) TATAMI_RETURN_IF_ERROR(OpenSlot(slot));
  // Tells a start that finds no whole step that there was one before it. The slot is
  // not that of `first_step`.
  WriteUnmarked(HeaderOf(first_step), {},
                slots_[(first_step + 1) % kSlots].own->bytes());
  return absl::OkStatus();
}

absl::Status StepSnapshots::Write(int64_t step) {
  const Slot& slot = slots_[step % kSlots];
  std::vector<absl::Span<std::byte>> pieces;
  for (const auto& node : content_.hosted) {
    pieces.insert(pieces.end(), node.begin(), node.end());
  }
  WriteUnmarked(HeaderOf(step), pieces, slot.own->bytes());
  if (options_.before_mark) options_.before_mark(slot.own->bytes());
  if (slot.copy != nullptr) MarkTorn(slot.copy->bytes());
  TATAMI_RETURN_IF_ERROR(transport_.Start(slot.pattern));
  TATAMI_RETURN_IF_ERROR(transport_.Wait(slot.pattern, options_.deadline),
                         "snapshots to partners");
  MarkWhole(slot.own->bytes());
  if (slot.copy != nullptr) MarkWhole(slot.copy->bytes());
  return absl::OkStatus();
}

absl::Status StepSnapshots::Remove() {
  slots_.clear();
  newest_.clear();
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FilesHere());
  // Every rank has listed its share before one removes any.
  TATAMI_RETURN_IF_ERROR(Share(transport_, "").status());
  for (const std::string& path : paths) {
    TATAMI_RETURN_IF_ERROR(storage_.Remove(path));
  }
  return Share(transport_, "").status();
}

}  // namespace tatami
