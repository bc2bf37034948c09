#include "runtime/ingest/video_reader.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/status_macros.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
}

namespace tatami {
namespace {

using ingest_internal::FfmpegErrorText;
using ingest_internal::FrameScaler;

// Only these demuxers are tried: FFmpeg also probes playlists that name other files.
constexpr char kDemuxers[] = "mov,mp4,matroska,webm,hevc,h264";
constexpr char kWhatIsRead[] =
    "Tatami reads MP4, MOV, MKV and raw .hevc or .h264 files";

absl::Status Unreadable(absl::string_view path, absl::string_view what,
                        absl::string_view remedy) {
  return MakeError(
      ErrorCode::kDataUnreadable,
      absl::StrCat("cannot read video '", path, "': ", what, ". ", remedy, "."));
}

absl::StatusOr<int64_t> FileBytes(absl::string_view path) {
  std::error_code error;
  const std::filesystem::path file{std::string(path)};
  if (!std::filesystem::exists(file, error)) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("no video file '", path, "'. Check the path."));
  }
  if (!std::filesystem::is_regular_file(file, error)) {
    return Unreadable(path, "it is not a regular file", "Name a video file");
  }
  const auto bytes = std::filesystem::file_size(file, error);
  if (error) return Unreadable(path, error.message(), "Check its permissions");
  if (bytes == 0) {
    return Unreadable(path, "the file is empty (0 bytes)",
                      "Copy it again or remove it from the dataset");
  }
  return static_cast<int64_t>(bytes);
}

struct FormatCloser {
  void operator()(AVFormatContext* c) const { avformat_close_input(&c); }
};
struct CodecCloser {
  void operator()(AVCodecContext* c) const { avcodec_free_context(&c); }
};
struct PacketCloser {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct FrameCloser {
  void operator()(AVFrame* f) const { av_frame_free(&f); }
};

}  // namespace

struct VideoReader::State {
  VideoInfo info;
  int64_t file_bytes = 0;
  FrameScaler scaler;
  std::unique_ptr<AVFormatContext, FormatCloser> format;
  std::unique_ptr<AVCodecContext, CodecCloser> codec;
  std::unique_ptr<AVPacket, PacketCloser> packet{av_packet_alloc()};
  std::unique_ptr<AVFrame, FrameCloser> frame{av_frame_alloc()};
  int stream = -1;
  int64_t packets_listed = 0;  // by the index of the file; 0 where there is none
  double promised_s = 0;       // by the header of the file; 0 where it does not tell
  double reached_s = 0;        // end of the latest packet of any stream
  int64_t packets_read = 0;
  int64_t frames_read = 0;

  explicit State(PictureSize size) : scaler(size) {}

  absl::Status OpenFile();
  absl::Status OpenDecoder();
  absl::Status Feed();  // one packet of the stream, or the end, to the decoder
  absl::Status CheckWhole() const;  // at the end of the file
  void NoteTime();                  // of the packet just read
  absl::Status Damaged(absl::string_view what) const {
    return Unreadable(
        info.path,
        absl::StrFormat("%s after %d packets and %d frames (file of %d bytes)", what,
                        packets_read, frames_read, file_bytes),
        "The file is truncated or damaged: copy it again, or remove it from the "
        "dataset");
  }
};

absl::Status VideoReader::State::OpenFile() {
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", kDemuxers, 0);
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* opened = nullptr;
  // "file:" keeps a colon in the path from being read as a protocol.
  const int error = avformat_open_input(
      &opened, absl::StrCat("file:", info.path).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (error < 0) {
    // A format outside the whitelist is reported as EINVAL, which says nothing.
    const std::string why = error == AVERROR(EINVAL) ? "not one of the known formats"
                                                     : FfmpegErrorText(error);
    return Unreadable(info.path,
                      absl::StrFormat("it is not a complete video (FFmpeg: %s; file of "
                                      "%d bytes)",
                                      why, file_bytes),
                      absl::StrCat(kWhatIsRead, "; if it is one, copy it again"));
  }
  format.reset(opened);
  if (const int found = avformat_find_stream_info(format.get(), nullptr); found < 0) {
    return Damaged(
        absl::StrCat("no stream description (FFmpeg: ", FfmpegErrorText(found), ")"));
  }
  for (unsigned i = 0; i < format->nb_streams && stream < 0; ++i) {
    const AVStream& candidate = *format->streams[i];
    const bool cover = candidate.disposition & AV_DISPOSITION_ATTACHED_PIC;
    if (candidate.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !cover) stream = i;
  }
  if (stream < 0) {
    return Unreadable(
        info.path,
        absl::StrFormat("none of its %d streams is video", format->nb_streams),
        kWhatIsRead);
  }
  // MP4 lists every packet (after applying the edit list). Matroska tells the length of
  // its longest stream, so there the other streams are read too, to see them end.
  if (av_match_name("mov", format->iformat->name)) {
    packets_listed = avformat_index_get_entries_count(format->streams[stream]);
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      if (static_cast<int>(i) != stream) format->streams[i]->discard = AVDISCARD_ALL;
    }
  } else if (av_match_name("matroska", format->iformat->name) && format->duration > 0) {
    promised_s = static_cast<double>(format->duration) / AV_TIME_BASE;
  }
  return absl::OkStatus();
}

absl::Status VideoReader::State::OpenDecoder() {
  const AVStream& video = *format->streams[stream];
  const AVCodec* decoder = avcodec_find_decoder(video.codecpar->codec_id);
  info.codec = avcodec_get_name(video.codecpar->codec_id);
  info.size = {video.codecpar->height, video.codecpar->width};
  info.frames_per_s = video.avg_frame_rate.den > 0 ? av_q2d(video.avg_frame_rate) : 0;
  if (decoder == nullptr) {
    return Unreadable(info.path,
                      absl::StrCat("no decoder for codec '", info.codec, "'"),
                      "Transcode it to H.264 or install a libavcodec that has one");
  }
  codec.reset(avcodec_alloc_context3(decoder));
  avcodec_parameters_to_context(codec.get(), video.codecpar);
  codec->pkt_timebase = video.time_base;
  codec->thread_count = 1;
  // One inverse transform for all hosts: the fast ones of MPEG-4 differ in last bits.
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  codec->idct_algo = FF_IDCT_SIMPLE;
  codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
  if (const int error = avcodec_open2(codec.get(), decoder, nullptr); error < 0) {
    return Damaged(absl::StrCat("decoder '", info.codec, "' does not open (FFmpeg: ",
                                FfmpegErrorText(error), ")"));
  }
  return absl::OkStatus();
}

void VideoReader::State::NoteTime() {
  if (packet->pts == AV_NOPTS_VALUE) return;
  const double unit_s = av_q2d(format->streams[packet->stream_index]->time_base);
  reached_s =
      std::max(reached_s, static_cast<double>(packet->pts + packet->duration) * unit_s);
}

absl::Status VideoReader::State::CheckWhole() const {
  if (packets_read < packets_listed) {
    return Damaged(absl::StrFormat("it ends before the %d packets that its index lists",
                                   packets_listed));
  }
  // A last packet may not tell its own length; a quarter second is 5 frames at 20 per
  // second, and no cluster that a muxer writes is that short.
  constexpr double kSlackS = 0.25;
  if (promised_s > 0 && reached_s < promised_s - kSlackS) {
    return Damaged(absl::StrFormat("it ends at %.2f s of the %.2f s in its header",
                                   reached_s, promised_s));
  }
  return absl::OkStatus();
}

absl::Status VideoReader::State::Feed() {
  while (true) {
    av_packet_unref(packet.get());
    int error = av_read_frame(format.get(), packet.get());
    if (error == AVERROR_EOF) {
      TATAMI_RETURN_IF_ERROR(CheckWhole());
      error = avcodec_send_packet(codec.get(), nullptr);
    } else if (error >= 0) {
      NoteTime();
      if (packet->stream_index != stream) continue;
      if (packet->flags & AV_PKT_FLAG_CORRUPT) return Damaged("it has a cut packet");
      ++packets_read;
      error = avcodec_send_packet(codec.get(), packet.get());
    }
    if (error >= 0) return absl::OkStatus();
    return Damaged(
        absl::StrCat("it cannot be decoded (FFmpeg: ", FfmpegErrorText(error), ")"));
  }
}

VideoReader::VideoReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoReader::~VideoReader() = default;
const VideoInfo& VideoReader::info() const { return state_->info; }

absl::StatusOr<std::unique_ptr<VideoReader>> VideoReader::Open(absl::string_view path,
                                                               PictureSize size) {
  ingest_internal::SilenceFfmpeg();
  auto state = std::make_unique<State>(size);
  state->info.path = std::string(path);
  TATAMI_ASSIGN_OR_RETURN(state->file_bytes, FileBytes(path));
  TATAMI_RETURN_IF_ERROR(state->OpenFile());
  TATAMI_RETURN_IF_ERROR(state->OpenDecoder());
  return std::unique_ptr<VideoReader>(new VideoReader(std::move(state)));
}

absl::StatusOr<bool> VideoReader::Next(absl::Span<uint8_t> rgb) {
  State& s = *state_;
  while (true) {
    const int error = avcodec_receive_frame(s.codec.get(), s.frame.get());
    if (error == AVERROR_EOF) {
      if (s.frames_read == 0) return s.Damaged("it has no picture");
      return false;
    }
    if (error == AVERROR(EAGAIN)) {
      TATAMI_RETURN_IF_ERROR(s.Feed());
      continue;
    }
    if (error < 0) {
      return s.Damaged(
          absl::StrCat("it cannot be decoded (FFmpeg: ", FfmpegErrorText(error), ")"));
    }
    if (s.frame->decode_error_flags != 0 || (s.frame->flags & AV_FRAME_FLAG_CORRUPT)) {
      return s.Damaged("a picture is damaged");
    }
    if (const absl::Status scaled = s.scaler.Scale(s.frame.get(), rgb); !scaled.ok()) {
      return s.Damaged(scaled.message());
    }
    ++s.frames_read;
    return true;
  }
}

absl::StatusOr<RgbFrames> ReadVideo(absl::string_view path,
                                    const ReadVideoOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(const auto reader, VideoReader::Open(path, options.size));
  RgbFrames result{.size = options.size};
  std::vector<uint8_t> frame(result.frame_bytes());
  while (true) {
    TATAMI_ASSIGN_OR_RETURN(const bool more, reader->Next(absl::MakeSpan(frame)));
    if (!more) break;
    const int64_t needed =
        static_cast<int64_t>(result.rgb.size()) + result.frame_bytes();
    if (needed > options.bytes_max) {
      return MakeError(
          ErrorCode::kDoesNotFit,
          absl::StrFormat(
              "video '%s' does not fit the memory set aside for frames: frame %d of "
              "%dx%d brings it to %d bytes, %d are left. Choose smaller "
              "frames, cut the video, or raise the limit.",
              path, result.frames, options.size.height, options.size.width, needed,
              options.bytes_max));
    }
    result.rgb.insert(result.rgb.end(), frame.begin(), frame.end());
    ++result.frames;
  }
  if (result.frames < options.frames_min) {
    return MakeError(
        ErrorCode::kDataTooSmall,
        absl::StrFormat("video '%s' has %d frames and a clip needs %d. Use "
                        "shorter clips or a longer video.",
                        path, result.frames, options.frames_min));
  }
  return result;
}

bool HasVideoExtension(absl::string_view path) {
  for (absl::string_view extension :
       {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".hevc", ".h265", ".h264"}) {
    if (absl::EndsWithIgnoreCase(path, extension)) return true;
  }
  return false;
}

}  // namespace tatami
