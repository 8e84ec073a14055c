#include "native/tokenizer/train/shard_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "native/core/committed_file.h"
#include "native/core/mapped_file.h"
#include "native/core/sha256.h"
#include "native/tokenizer/train/work_numbers.h"

// A shard: "BPESEG1\n"; the parts, each of: size, weight, text; ...; then sentences, total, number of
// characters, (code point, count) ...; all numbers LEB128. Last kParts + 1 pairs of little-endian u64: offset
// and size of each part and of the characters.
namespace belle::tokenizer {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kMagic = "BPESEG1\n";
constexpr size_t kDirectoryBytes = (ShardFolder::kParts + 1) * 16;

// A committed file and its SHA-256.
class HashedFile {
 public:
  static Result<HashedFile> create(const std::string& path) {
    BELLE_ASSIGN(auto file, CommittedFile::create(path));
    return HashedFile(std::move(file));
  }
  Status write(std::string_view bytes) {
    sha_.update(bytes.data(), bytes.size());
    size_ += bytes.size();
    return file_->write(bytes.data(), bytes.size());
  }
  Status commit() { return file_->commit(); }
  uint64_t size() const { return size_; }
  std::string hex() { return sha_.hex(); }

 private:
  explicit HashedFile(std::unique_ptr<CommittedFile> file) : file_(std::move(file)) {}
  std::unique_ptr<CommittedFile> file_;
  Sha256 sha_;
  uint64_t size_ = 0;
};

uint64_t load_u64(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 8; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

void put_u64(std::string* out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

std::string shard_name(size_t index) {
  const std::string digits = std::to_string(index);
  return "shard-" + std::string(5 - std::min<size_t>(5, digits.size()), '0') + digits;
}

// At least `least` digits and nothing else.
bool is_number(std::string_view text, size_t least) {
  return text.size() >= least &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Of a file this class or a stream writes; CommittedFile appends ".tmp-<pid>-<n>" until it commits.
bool ours(std::string_view name) {
  if (name == "lock" || (name.starts_with("stream-") && is_number(name.substr(7), 1))) return true;
  if (const size_t tmp = name.find(".tmp-"); tmp != std::string_view::npos) {
    const std::string_view numbers = name.substr(tmp + 5);
    const size_t dash = std::min(numbers.find('-'), numbers.size());
    if (!is_number(numbers.substr(0, dash), 1) || dash == numbers.size() ||
        !is_number(numbers.substr(dash + 1), 1))
      return false;
    name = name.substr(0, tmp);
  }
  return name == "manifest.json" || (name.starts_with("shard-") && is_number(name.substr(6), 5));
}

// Whether a file with the name of a shard begins like one; empty ones do.
bool is_shard(const std::string& path) {
  std::array<char, kMagic.size()> first;
  std::ifstream file(path, std::ios::binary);
  file.read(first.data(), first.size());
  return kMagic.starts_with(std::string_view(first.data(), static_cast<size_t>(file.gcount())));
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return system_failure("list the work folder", folder, error.value());
  return names;
}

// Whether `file` is what `path` names now.
bool is_at(int file, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

Status damaged(const std::string& path, const std::string& what) {
  return {StatusCode::invalid_data,
          path + " " + what + ": remove the work folder, the corpus will be counted again"};
}

}  // namespace

ShardFolder::ShardFolder(std::string folder, const Json& job, bool temporary)
    : folder_(std::move(folder)), job_(job), temporary_(temporary) {}

ShardFolder::ShardFolder(ShardFolder&& other) noexcept
    : folder_(std::move(other.folder_)),
      job_(std::move(other.job_)),
      temporary_(std::exchange(other.temporary_, false)),
      lock_(std::exchange(other.lock_, -1)),
      shards_(std::move(other.shards_)),
      characters_(std::move(other.characters_)),
      sentences_(other.sentences_) {}

ShardFolder::~ShardFolder() {
  if (temporary_) remove_files();
  if (lock_ >= 0) {
    // Somebody may have removed it, and another process made its own.
    if (is_at(lock_, file("lock"))) ::unlink(file("lock").c_str());
    ::close(lock_);
  }
  std::error_code ignored;
  if (temporary_) fs::remove(folder_, ignored);
}

Result<ShardFolder> ShardFolder::open(const std::string& folder, const Json& job, bool temporary) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return system_failure("create the work folder", folder, error.value());
  ShardFolder all(folder, job, temporary);
  BELLE_ASSIGN(auto names, names_in(folder));
  for (const std::string& name : names)
    if (!ours(name) ||
        (name.starts_with("shard-") && is_number(name.substr(6), 5) && !is_shard(all.file(name))))
      return all.foreign(name);
  BELLE_TRY(all.lock());
  BELLE_TRY(all.take_manifest());
  // What a killed process left: streams, and files not committed.
  std::vector<std::string> known = {"manifest.json", "lock"};
  for (const Shard& shard : all.shards_) known.push_back(shard.name);
  BELLE_ASSIGN(names, names_in(folder));
  for (const std::string& name : names)
    if (ours(name) && std::find(known.begin(), known.end(), name) == known.end())
      ::unlink(all.file(name).c_str());
  return all;
}

Status ShardFolder::foreign(const std::string& name) const {
  return {StatusCode::invalid_argument, "the work folder " + folder_ + " holds \"" + name +
                                            "\", which training did not write: give it a folder of its own"};
}

Status ShardFolder::lock() {
  const std::string path = file("lock");
  for (;;) {
    const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (opened < 0) return system_failure("create", path, errno);
    const int error = ::flock(opened, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    // Who held it removes it: then this is a lock on nothing, and another process may have the next one.
    if (error == 0 && is_at(opened, path)) {
      lock_ = opened;
      break;
    }
    ::close(opened);
    if (error == EWOULDBLOCK)
      return {StatusCode::busy, "another process trains in the work folder " + folder_ +
                                    ": wait for it, or give another folder"};
    if (error != 0) return system_failure("lock", path, error);
  }
  // Ours is empty; any other must not be removed.
  struct stat locked {};
  if (::fstat(lock_, &locked) == 0 && locked.st_size == 0) return {};
  ::close(std::exchange(lock_, -1));
  return foreign("lock");
}

Status ShardFolder::take_manifest() {
  const std::string path = file("manifest.json");
  std::error_code error;
  const bool there = fs::exists(path, error);
  if (error) return system_failure("look for", path, error.value());
  if (!there) return {};
  BELLE_ASSIGN(const auto map, MappedFile::open(path));
  const std::string_view text(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
  const auto parsed = parse_json(text);
  const Json* const job = parsed.ok() ? parsed.value().find("job") : nullptr;
  const Json* const shards = parsed.ok() ? parsed.value().find("shards") : nullptr;
  if (parsed.ok() && !job) return foreign("manifest.json");
  if (!job || !shards || !shards->array()) return damaged(path, "is damaged");
  if (job->dump() != job_.dump())
    return {StatusCode::invalid_argument,
            "the work folder " + folder_ +
                " holds the counts of another job (other options, or a file that changed since): give it a "
                "folder of its own, or remove this one"};
  for (const Json& entry : *shards->array()) BELLE_TRY(take_shard(entry));
  return {};
}

Status ShardFolder::take_shard(const Json& entry) {
  const Json *name = entry.find("name"), *sha256 = entry.find("sha256"), *next = entry.find("next_chunk");
  const std::string expected = shard_name(shards_.size());
  if (!name || !name->string() || *name->string() != expected || !sha256 || !sha256->string() || !next ||
      !next->integer() || *next->integer() <= static_cast<int64_t>(next_chunk()))
    return damaged(file("manifest.json"), "is damaged");
  Shard shard{expected, *sha256->string(), static_cast<size_t>(*next->integer()), {}};
  BELLE_ASSIGN(const auto map, MappedFile::open(file(expected)));
  const auto bytes = map.bytes();
  if (sha256_hex(bytes.data(), bytes.size()) != shard.sha256)
    return damaged(file(expected), "does not have the SHA-256 of the manifest");
  BELLE_TRY(read_directory(&shard, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  shards_.push_back(std::move(shard));
  return {};
}

// Also adds the shard's characters to the sums.
Status ShardFolder::read_directory(Shard* shard, std::string_view bytes) {
  const Status bad = damaged(file(shard->name), "is damaged");
  if (bytes.size() < kMagic.size() + kDirectoryBytes || !bytes.starts_with(kMagic)) return bad;
  const uint64_t end = bytes.size() - kDirectoryBytes;
  for (size_t part = 0; part <= kParts; ++part) {
    const uint64_t offset = load_u64(bytes, end + part * 16), size = load_u64(bytes, end + part * 16 + 8);
    if (offset > end || size > end - offset) return bad;
    shard->parts.emplace_back(offset, size);
  }
  const std::string_view characters = bytes.substr(shard->parts[kParts].first, shard->parts[kParts].second);
  shard->parts.pop_back();
  const char* at = characters.data();
  const char* const stop = at + characters.size();
  uint64_t sentences = 0, total = 0, count = 0;
  if (!take_number(&at, stop, &sentences) || !take_number(&at, stop, &total) ||
      !take_number(&at, stop, &count))
    return bad;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t c = 0, times = 0;
    if (!take_number(&at, stop, &c) || c > 0x10FFFF || !take_number(&at, stop, &times)) return bad;
    characters_.characters[static_cast<char32_t>(c)] += times;
  }
  characters_.add_total(total);
  sentences_ += sentences;
  return {};
}

Status ShardFolder::add(const SegmentCounter& counter, size_t next_chunk) {
  Shard shard;
  shard.name = shard_name(shards_.size());
  shard.next_chunk = next_chunk;
  BELLE_ASSIGN(auto out, HashedFile::create(file(shard.name)));
  BELLE_TRY(out.write(kMagic));
  std::string part, directory;
  const auto write_part = [&]() -> Status {
    put_u64(&directory, out.size());
    put_u64(&directory, part.size());
    return out.write(part);
  };
  for (size_t index = 0; index < kParts; ++index) {
    part.clear();
    for (const auto& entry : counter.shard(index).entries()) {
      put_number(entry.size, &part);
      put_number(entry.count, &part);
      part.append(entry.text());
    }
    shard.parts.emplace_back(out.size(), part.size());
    BELLE_TRY(write_part());
  }
  const CharacterCounts characters = counter.characters();
  if (characters.overflow) characters_.overflow = true;
  part.clear();
  put_number(counter.sentences(), &part);
  put_number(characters.overflow ? UINT64_MAX : characters.total, &part);  // so is an overflow read again
  put_number(characters.characters.size(), &part);
  for (const auto& [c, count] : characters.characters) {
    put_number(c, &part);
    put_number(count, &part);
    characters_.characters[c] += count;
  }
  BELLE_TRY(write_part());
  BELLE_TRY(out.write(directory));
  shard.sha256 = out.hex();
  BELLE_TRY(out.commit());
  characters_.add_total(characters.total);
  sentences_ += counter.sentences();
  shards_.push_back(std::move(shard));
  return write_manifest();
}

Status ShardFolder::write_manifest() const {
  Json::Array list;
  for (const Shard& shard : shards_)
    list.push_back(Json::Object{{"name", shard.name},
                                {"sha256", shard.sha256},
                                {"next_chunk", static_cast<int64_t>(shard.next_chunk)}});
  return write_committed_file(file("manifest.json"),
                              Json(Json::Object{{"job", job_}, {"shards", list}}).dump(1) + "\n");
}

Status ShardFolder::read(size_t index, size_t part, std::string* buffer,
                         const std::function<Status(std::string_view, uint64_t)>& visit) const {
  const Shard& shard = shards_[index];
  const auto [offset, size] = shard.parts[part];
  const std::string path = file(shard.name);
  buffer->resize(size);
  const int in = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0) return system_failure("open", path, errno);
  Status failure;
  for (size_t at = 0; at < size && failure.ok();) {
    const ssize_t done = ::pread(in, buffer->data() + at, size - at, static_cast<off_t>(offset + at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) failure = system_failure("read", path, errno);
    if (done == 0) failure = damaged(path, "was cut short");
    if (done > 0) at += static_cast<size_t>(done);
  }
  ::close(in);
  BELLE_TRY(failure);
  const char* at = buffer->data();
  const char* const end = at + size;
  while (at != end) {
    uint64_t length = 0, weight = 0;
    if (!take_number(&at, end, &length) || !take_number(&at, end, &weight) ||
        length > static_cast<uint64_t>(end - at))
      return damaged(path, "is damaged");
    BELLE_TRY(visit({at, length}, weight));
    at += length;
  }
  return {};
}

void ShardFolder::remove_files() {
  // The manifest first: shards without it are no job.
  ::unlink(file("manifest.json").c_str());
  const auto names = names_in(folder_);
  if (!names.ok()) return;  // the folder went away
  for (const std::string& name : names.value())
    if (ours(name) && name != "lock") ::unlink(file(name).c_str());
}

}  // namespace belle::tokenizer
