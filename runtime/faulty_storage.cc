#include "runtime/faulty_storage.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// The first `bytes` bytes of the pieces.
std::vector<Bytes> Prefix(absl::Span<const Bytes> pieces, int64_t bytes) {
  std::vector<Bytes> prefix;
  for (const Bytes& piece : pieces) {
    prefix.push_back(piece.subspan(0, static_cast<size_t>(bytes)));
    bytes -= static_cast<int64_t>(prefix.back().size());
  }
  return prefix;
}

int64_t TotalBytes(absl::Span<const Bytes> pieces) {
  int64_t total = 0;
  for (const Bytes& piece : pieces) total += static_cast<int64_t>(piece.size());
  return total;
}

}  // namespace

absl::Status FaultyStorage::Change(absl::string_view what, const std::string& path) {
  const int64_t change = changes_++;
  const auto fail = [&](absl::string_view why) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("cannot ", what, " '", path, "': ", why));
  };
  if (change >= faults_.dies_at_change) return fail("injected death");
  if (change >= faults_.read_only_at_change) return fail("Read-only file system");
  if (change == faults_.io_error_at_change) return fail("Input/output error");
  return absl::OkStatus();
}

absl::Status FaultyStorage::MakeDirectory(const std::string& path) {
  TATAMI_RETURN_IF_ERROR(Change("make directory", path));
  return under_.MakeDirectory(path);
}

absl::Status FaultyStorage::Write(const std::string& path,
                                  absl::Span<const Bytes> pieces) {
  std::this_thread::sleep_for(faults_.delay);
  const int64_t bytes = TotalBytes(pieces);
  const bool dying_now = changes_ == faults_.dies_at_change;
  if (const absl::Status dead = Change("write", path); !dead.ok()) {
    if (dying_now) {
      TATAMI_RETURN_IF_ERROR(under_.Write(path, Prefix(pieces, bytes / 2)));
    }
    return dead;
  }
  if (writes_++ == faults_.torn_write) {
    return under_.Write(path, Prefix(pieces, bytes / 2));
  }
  const int64_t room = faults_.bytes_until_full - bytes_written_;
  if (bytes > room) {
    bytes_written_ += room;
    TATAMI_RETURN_IF_ERROR(under_.Write(path, Prefix(pieces, room)));
    return MakeError(ErrorCode::kStorage, absl::StrCat("cannot write '", path,
                                                       "': No space left on device"));
  }
  bytes_written_ += bytes;
  return under_.Write(path, pieces);
}

absl::Status FaultyStorage::Read(const std::string& path, int64_t offset,
                                 absl::Span<std::byte> to) {
  return under_.Read(path, offset, to);
}

absl::StatusOr<int64_t> FaultyStorage::FileBytes(const std::string& path) {
  return under_.FileBytes(path);
}

bool FaultyStorage::Exists(const std::string& path) { return under_.Exists(path); }

absl::Status FaultyStorage::Rename(const std::string& from, const std::string& to) {
  TATAMI_RETURN_IF_ERROR(Change("rename", from));
  return under_.Rename(from, to);
}

absl::Status FaultyStorage::Remove(const std::string& path) {
  TATAMI_RETURN_IF_ERROR(Change("remove", path));
  return under_.Remove(path);
}

absl::StatusOr<std::vector<std::string>> FaultyStorage::List(const std::string& path) {
  return under_.List(path);
}

absl::Status FaultyStorage::Sync(const std::string& path) {
  std::this_thread::sleep_for(faults_.delay);
  TATAMI_RETURN_IF_ERROR(Change("sync", path));
  return under_.Sync(path);
}

absl::StatusOr<int64_t> FaultyStorage::FreeBytes(const std::string& path) {
  if (faults_.free_bytes_claimed >= 0) return faults_.free_bytes_claimed;
  if (faults_.bytes_until_full != StorageFaults::kNever) {
    return faults_.bytes_until_full - bytes_written_;
  }
  return under_.FreeBytes(path);
}

}  // namespace tatami
