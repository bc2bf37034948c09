#include "runtime/recovery/snapshot_image.h"

#include <xxhash.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"

namespace tatami {
namespace {

uint64_t HashOfHeader(const SnapshotHeader& header) {
  return XXH3_64bits(&header, offsetof(SnapshotHeader, header_hash));
}

void StoreMark(absl::Span<std::byte> image, uint64_t mark) {
  TATAMI_CHECK(image.size() >= sizeof(SnapshotHeader)) << image.size();
  auto* at =
      reinterpret_cast<uint64_t*>(image.data() + offsetof(SnapshotHeader, whole));
  // Sequential: neither what comes before nor what comes after may pass the mark.
  std::atomic_ref(*at).store(mark, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

ImageCheck Damaged(std::string why) {
  return {.state = ImageState::kDamaged, .why = std::move(why)};
}

}  // namespace

void MarkTorn(absl::Span<std::byte> image) { StoreMark(image, 0); }
void MarkWhole(absl::Span<std::byte> image) { StoreMark(image, 1); }

void WriteUnmarked(SnapshotHeader header,
                   absl::Span<const absl::Span<std::byte>> pieces,
                   absl::Span<std::byte> image) {
  StoreMark(image, 0);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash(
      XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(hash.get());
  std::byte* to = image.data() + sizeof header;
  for (const absl::Span<std::byte> piece : pieces) {
    if (piece.empty()) continue;
    TATAMI_CHECK(to + piece.size() <= image.data() + image.size());
    std::memcpy(to, piece.data(), piece.size());
    XXH3_64bits_update(hash.get(), piece.data(), piece.size());  // while it is cached
    to += piece.size();
  }
  header.body_bytes = to - (image.data() + sizeof header);
  header.body_hash = XXH3_64bits_digest(hash.get());
  header.header_hash = HashOfHeader(header);
  std::memcpy(image.data(), &header, offsetof(SnapshotHeader, whole));
}

ImageCheck CheckImage(absl::Span<const std::byte> image) {
  SnapshotHeader header;
  if (image.size() < sizeof header) {
    return Damaged(
        absl::StrCat("it has ", image.size(), " bytes, fewer than a header"));
  }
  std::memcpy(&header, image.data(), sizeof header);
  if (std::memcmp(header.magic, SnapshotHeader().magic, sizeof header.magic) != 0) {
    return Damaged("it is no snapshot of this version");
  }
  if (HashOfHeader(header) != header.header_hash) {
    // Between two marks the header is what is written last.
    if (header.whole == 0) return {.state = ImageState::kTorn, .header = {}};
    return Damaged("its header does not match its checksum");
  }
  if (header.whole == 0) return {.state = ImageState::kTorn, .header = header};
  const auto body = image.subspan(sizeof header);
  if (header.whole != 1 || header.body_bytes < 0 ||
      header.body_bytes > static_cast<int64_t>(body.size())) {
    return Damaged(absl::StrCat("it has ", body.size(), " bytes of states and says ",
                                header.body_bytes));
  }
  const uint64_t hash = XXH3_64bits(body.data(), header.body_bytes);
  if (hash != header.body_hash) {
    return Damaged(
        absl::StrFormat("its %d bytes of states have checksum %016x and "
                        "were written with %016x",
                        header.body_bytes, hash, header.body_hash));
  }
  return {.state = ImageState::kWhole, .header = header};
}

}  // namespace tatami
