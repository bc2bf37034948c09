#include "runtime/volatile_disk.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::Status Failed(absl::string_view what, absl::string_view path,
                    absl::string_view why) {
  return MakeError(ErrorCode::kStorage,
                   absl::StrCat("cannot ", what, " '", path, "': ", why));
}

constexpr char kMissing[] = "No such file or directory";

// Which of so many versions survives; the first is durable, the last the newest.
size_t Survivor(size_t versions, PowerLoss loss, std::mt19937& random) {
  if (loss == PowerLoss::kLosesAll) return 0;
  if (loss == PowerLoss::kKeepsAll) return versions - 1;
  return random() % versions;
}

}  // namespace

VolatileDisk::VolatileDisk() : root_(std::make_shared<Node>()) {
  root_->entries.emplace_back();
}

std::shared_ptr<VolatileDisk::Node> VolatileDisk::Find(const std::string& path) const {
  std::shared_ptr<Node> node = root_;
  for (const auto name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (!node->is_directory()) return nullptr;
    const auto it = node->entries.back().find(std::string(name));
    if (it == node->entries.back().end()) return nullptr;
    node = it->second;
  }
  return node;
}

std::shared_ptr<VolatileDisk::Node> VolatileDisk::Parent(
    const std::string& path) const {
  std::shared_ptr<Node> node = Find(FolderOf(path));
  return node != nullptr && node->is_directory() ? node : nullptr;
}

void VolatileDisk::Settle(Node& node, PowerLoss loss, std::mt19937& random) {
  if (!node.is_directory()) {
    std::string kept = node.contents[Survivor(node.contents.size(), loss, random)];
    const bool unsynced = node.contents.size() > 1;
    if (unsynced && loss == PowerLoss::kKeepsAtRandom && random() % 2 == 0) {
      kept.resize(kept.size() / 2);
    }
    node.contents = {std::move(kept)};
    return;
  }
  node.entries = {node.entries[Survivor(node.entries.size(), loss, random)]};
  for (auto& [name, child] : node.entries[0]) Settle(*child, loss, random);
}

void VolatileDisk::LosePower(PowerLoss loss, std::mt19937& random) {
  Settle(*root_, loss, random);
}

absl::Status VolatileDisk::MakeDirectory(const std::string& path) {
  std::shared_ptr<Node> node = root_;
  for (const auto name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (!node->is_directory()) return Failed("make directory", path, "Not a directory");
    std::shared_ptr<Node> child = node->entries.back()[std::string(name)];
    if (child == nullptr) {
      child = std::make_shared<Node>();
      child->entries.emplace_back();
      node->entries.back()[std::string(name)] = child;
      node->entries = {node->entries.back()};
    }
    node = child;
  }
  return absl::OkStatus();
}

absl::Status VolatileDisk::Write(const std::string& path,
                                 absl::Span<const Bytes> pieces) {
  const std::shared_ptr<Node> folder = Parent(path);
  if (folder == nullptr) return Failed("write", path, kMissing);
  std::string content;
  for (const Bytes piece : pieces) {
    content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  if (const std::shared_ptr<Node> file = Find(path)) {
    if (file->is_directory()) return Failed("write", path, "Is a directory");
    file->contents.push_back(std::move(content));
    return absl::OkStatus();
  }
  const auto file = std::make_shared<Node>();
  file->contents = {"", std::move(content)};
  Entries with_file = folder->entries.back();
  with_file[NameOf(path)] = file;
  folder->entries.push_back(std::move(with_file));
  return absl::OkStatus();
}

absl::Status VolatileDisk::Read(const std::string& path, int64_t offset,
                                absl::Span<std::byte> to) {
  const std::shared_ptr<Node> file = Find(path);
  if (file == nullptr || file->is_directory()) return Failed("read", path, kMissing);
  const std::string& content = file->contents.back();
  const auto begin = static_cast<size_t>(offset);
  if (begin > content.size() || content.size() - begin < to.size()) {
    return Failed("read", path, "it ends too early");
  }
  if (!to.empty()) std::memcpy(to.data(), content.data() + begin, to.size());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> VolatileDisk::FileBytes(const std::string& path) {
  const std::shared_ptr<Node> file = Find(path);
  if (file == nullptr || file->is_directory()) return Failed("read", path, kMissing);
  return static_cast<int64_t>(file->contents.back().size());
}

bool VolatileDisk::Exists(const std::string& path) { return Find(path) != nullptr; }

absl::Status VolatileDisk::Rename(const std::string& from, const std::string& to) {
  const std::shared_ptr<Node> node = Find(from);
  const std::shared_ptr<Node> folder = Parent(to);
  if (node == nullptr || folder == nullptr) return Failed("rename", from, kMissing);
  TATAMI_CHECK(Parent(from) == folder) << from << " leaves its folder for " << to;
  const std::shared_ptr<Node> replaced = Find(to);
  Entries renamed = folder->entries.back();
  renamed.erase(NameOf(from));
  renamed[NameOf(to)] = node;
  folder->entries.push_back(std::move(renamed));
  if (replaced == nullptr || !replaced->is_directory()) return absl::OkStatus();
  // What Storage promises of a tree that is replaced: the new one is durable before the
  // old one is taken apart.
  folder->entries = {folder->entries.back()};
  EmptyTree(*replaced);
  return absl::OkStatus();
}

void VolatileDisk::EmptyTree(Node& node) {
  if (!node.is_directory()) return;
  while (!node.entries.back().empty()) {
    Entries fewer = node.entries.back();
    EmptyTree(*fewer.begin()->second);
    fewer.erase(fewer.begin());
    node.entries.push_back(std::move(fewer));
  }
}

absl::Status VolatileDisk::Remove(const std::string& path) {
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr) return absl::OkStatus();
  EmptyTree(*node);
  const std::shared_ptr<Node> folder = Parent(path);
  Entries without = folder->entries.back();
  without.erase(NameOf(path));
  folder->entries.push_back(std::move(without));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> VolatileDisk::List(const std::string& path) {
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr || !node->is_directory()) return Failed("list", path, kMissing);
  std::vector<std::string> names;
  for (const auto& [name, child] : node->entries.back()) names.push_back(name);
  return names;
}

absl::Status VolatileDisk::Sync(const std::string& path) {
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr) return Failed("sync", path, kMissing);
  if (node->is_directory()) {
    node->entries = {node->entries.back()};
  } else {
    node->contents = {node->contents.back()};
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> VolatileDisk::FreeBytes(const std::string&) {
  return int64_t{1} << 40;
}

}  // namespace tatami
