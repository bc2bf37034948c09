#include "runtime/ingest/image_folder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace tatami {
namespace {

namespace fs = std::filesystem;
using ingest_internal::FfmpegErrorText;

bool HasImageExtension(absl::string_view name) {
  return absl::EndsWithIgnoreCase(name, ".jpg") ||
         absl::EndsWithIgnoreCase(name, ".jpeg") ||
         absl::EndsWithIgnoreCase(name, ".png");
}

// Runs of digits compare as numbers, everything else as bytes.
bool NumericallyLess(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (absl::ascii_isdigit(a[i]) && absl::ascii_isdigit(b[j])) {
      const auto digits = [](const std::string& s, size_t& at) {
        while (at < s.size() && s[at] == '0') ++at;
        const size_t begin = at;
        while (at < s.size() && absl::ascii_isdigit(s[at])) ++at;
        return absl::string_view(s).substr(begin, at - begin);
      };
      const absl::string_view x = digits(a, i), y = digits(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;  // 1.jpg and 01.jpg: some fixed order
}

std::vector<std::string> ImageNames(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (HasImageExtension(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end(), NumericallyLess);
  return names;
}

absl::Status Mismatch(absl::string_view file, absl::string_view what,
                      absl::string_view remedy) {
  return MakeError(ErrorCode::kLabelMismatch,
                   absl::StrCat("labels '", file, "' do not match the pictures: ", what,
                                ". ", remedy, "."));
}

absl::Status ReadLabels(ImageFolder& folder) {
  const std::string& file = folder.label_file;
  absl::flat_hash_map<std::string, size_t> index_of;
  for (size_t i = 0; i < folder.names.size(); ++i) index_of[folder.names[i]] = i;
  std::vector<int64_t> line_of(folder.names.size(), 0);
  folder.labels.assign(folder.names.size(), 0);
  std::ifstream in(file);
  std::string line;
  int64_t lines = 0;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty() || text[0] == '#') continue;
    ++lines;
    const std::vector<absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(absl::ByAnyChar(" \t"), 1));
    // What follows the first comma is a date, which nothing reads.
    const absl::string_view number_text =
        parts.size() < 2
            ? ""
            : absl::StripAsciiWhitespace(parts[1].substr(0, parts[1].find(',')));
    float value = 0;
    if (!absl::SimpleAtof(number_text, &value) || !std::isfinite(value)) {
      return Mismatch(
          file, absl::StrFormat("line %d, '%s', is not 'NAME NUMBER'", number, text),
          "Correct or delete the line");
    }
    const auto found = index_of.find(parts[0]);
    if (found == index_of.end()) {
      return Mismatch(
          file,
          absl::StrFormat("line %d names '%s', which is not among the %d "
                          "pictures in '%s'",
                          number, parts[0], folder.names.size(), folder.directory),
          "Restore the picture or delete the line");
    }
    if (int64_t& first = line_of[found->second]; first != 0) {
      return Mismatch(
          file,
          absl::StrFormat("lines %d and %d both name '%s'", first, number, parts[0]),
          "Delete one of them");
    } else {
      first = number;
    }
    folder.labels[found->second] = value;
  }
  if (in.bad()) {
    return MakeError(ErrorCode::kDataUnreadable,
                     absl::StrCat("cannot read labels '", file,
                                  "' to its end. Check "
                                  "the disk."));
  }
  const auto missing = std::find(line_of.begin(), line_of.end(), 0);
  if (missing != line_of.end()) {
    return Mismatch(
        file,
        absl::StrFormat("picture '%s' has no line (%d lines for %d pictures)",
                        folder.names[missing - line_of.begin()], lines,
                        folder.names.size()),
        "Add its line or remove the picture");
  }
  return absl::OkStatus();
}

absl::Status Unreadable(absl::string_view path, absl::string_view what) {
  return MakeError(ErrorCode::kDataUnreadable,
                   absl::StrCat("cannot read picture '", path, "': ", what,
                                ". Copy it again or remove it and its label."));
}

// The codec by the first bytes: names lie more often than magic numbers.
std::optional<AVCodecID> CodecOf(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\xFF\xD8\xFF")) return AV_CODEC_ID_MJPEG;
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1A\n")) return AV_CODEC_ID_PNG;
  return std::nullopt;
}

// libavcodec fills the missing end of a picture with grey and reports success, so the
// end marker is looked for: JPEG's EOI, PNG's IEND chunk.
bool IsComplete(AVCodecID codec, absl::string_view bytes) {
  const absl::string_view tail =
      bytes.substr(bytes.size() - std::min<size_t>(bytes.size(), 64));
  return absl::StrContains(tail, codec == AV_CODEC_ID_MJPEG
                                     ? absl::string_view("\xFF\xD9")
                                     : absl::string_view("IEND"));
}

struct Decoding {
  AVCodecContext* codec = nullptr;
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  ~Decoding() {
    avcodec_free_context(&codec);
    av_packet_free(&packet);
    av_frame_free(&frame);
  }
};

}  // namespace

absl::StatusOr<ImageFolder> ListImageFolder(absl::string_view path) {
  const fs::path root{std::string(path)};
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no picture folder '", path, "'. Check the path."));
  }
  ImageFolder folder{.directory = root.string(), .names = ImageNames(root)};
  if (folder.names.empty()) {
    folder.directory = (root / "frames").string();
    folder.names = ImageNames(folder.directory);
  }
  if (folder.names.empty()) {
    return MakeError(
        ErrorCode::kDataMissing,
        absl::StrCat("no videos (.mp4, .mov, .mkv, .hevc, .h264) in '", path,
                     "' and no pictures (.jpg, .jpeg, .png) in it "
                     "or in '",
                     folder.directory, "'. Give the folder that holds them itself."));
  }
  for (const char* name : {"data.txt", "labels.txt"}) {
    if (fs::is_regular_file(root / name, error)) {
      folder.label_file = (root / name).string();
      TATAMI_RETURN_IF_ERROR(ReadLabels(folder));
      break;
    }
  }
  return folder;
}

absl::Status ReadImage(absl::string_view path, PictureSize size,
                       absl::Span<uint8_t> rgb) {
  ingest_internal::SilenceFfmpeg();
  std::error_code error;
  if (!fs::is_regular_file(fs::path{std::string(path)}, error)) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no picture '", path, "'. Check the path."));
  }
  std::ifstream in{std::string(path), std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return Unreadable(path, "reading failed");
  if (bytes.empty()) return Unreadable(path, "the file is empty (0 bytes)");
  const std::optional<AVCodecID> id = CodecOf(bytes);
  if (!id) {
    return Unreadable(
        path, absl::StrFormat("its %d bytes are neither JPEG nor PNG", bytes.size()));
  }
  if (!IsComplete(*id, bytes)) {
    return Unreadable(path,
                      absl::StrFormat("it is cut off after %d bytes", bytes.size()));
  }
  Decoding d;
  d.codec = avcodec_alloc_context3(avcodec_find_decoder(*id));
  d.codec->thread_count = 1;
  d.codec->flags |= AV_CODEC_FLAG_BITEXACT;
  d.codec->idct_algo = FF_IDCT_SIMPLE;
  d.codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
  int result = avcodec_open2(d.codec, nullptr, nullptr);
  if (result >= 0) result = av_new_packet(d.packet, static_cast<int>(bytes.size()));
  if (result >= 0) {
    std::copy(bytes.begin(), bytes.end(), d.packet->data);
    result = avcodec_send_packet(d.codec, d.packet);
  }
  if (result >= 0) result = avcodec_receive_frame(d.codec, d.frame);
  if (result < 0) {
    return Unreadable(path, absl::StrFormat("it cannot be decoded (FFmpeg: %s; file of "
                                            "%d bytes)",
                                            FfmpegErrorText(result), bytes.size()));
  }
  ingest_internal::FrameScaler scaler(size);
  if (const absl::Status scaled = scaler.Scale(d.frame, rgb); !scaled.ok()) {
    return Unreadable(path, scaled.message());
  }
  return absl::OkStatus();
}

absl::StatusOr<RgbFrames> ReadImages(const ImageFolder& folder,
                                     const ReadVideoOptions& options) {
  const auto count = static_cast<int64_t>(folder.names.size());
  if (count < options.frames_min) {
    return MakeError(
        ErrorCode::kDataTooSmall,
        absl::StrFormat("picture folder '%s' has %d frames and a clip needs %d. Use "
                        "shorter clips or a longer recording.",
                        folder.directory, count, options.frames_min));
  }
  RgbFrames result{.size = options.size, .frames = count};
  const int64_t needed = count * result.frame_bytes();
  if (needed > options.bytes_max) {
    return MakeError(
        ErrorCode::kDoesNotFit,
        absl::StrFormat("picture folder '%s' does not fit the memory set aside for "
                        "frames: %d frames of %dx%d need %d bytes, %d are left. Choose "
                        "smaller frames, use fewer pictures, or raise the limit.",
                        folder.directory, count, options.size.height,
                        options.size.width, needed, options.bytes_max));
  }
  result.rgb.resize(needed);
  for (int64_t i = 0; i < count; ++i) {
    const std::string path = (fs::path(folder.directory) / folder.names[i]).string();
    TATAMI_RETURN_IF_ERROR(
        ReadImage(path, options.size,
                  absl::MakeSpan(result.rgb)
                      .subspan(i * result.frame_bytes(), result.frame_bytes())));
  }
  return result;
}

}  // namespace tatami
