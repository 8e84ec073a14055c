#include "native/io/commit.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "test/native/check.h"

using namespace belle;
using namespace belle::io;
namespace fs = std::filesystem;

namespace {

size_t entries(const std::string& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::string commit_folder(const std::string& path) {
  auto commit = DirectoryCommit::create(path);
  CHECK_OK(commit.status());
  for (const char* name : {"a.txt", "b.txt"}) {
    auto record = write_file(commit.value()->folder() + "/" + name, std::string("content of ") + name);
    CHECK_OK(record.status());
    commit.value()->add(record.take());
  }
  CHECK(!fs::exists(path));
  CHECK_OK(commit.value()->commit({{"schema", "test/1"}, {"step", 7}}));
  return path;
}

std::string verify_error(const std::string& folder) {
  const auto manifest = verify_manifest(folder);
  return manifest.ok() ? "accepted" : manifest.status().message();
}

// The file size limit of this process while alive.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

}  // namespace

TEST("file writer: whole, hashed, over an older file, and nothing left when dropped") {
  const std::string folder = test::temporary_folder(), path = folder + "/f";
  const auto first = write_file(path, "old");
  CHECK_OK(first.status());
  CHECK_EQ(first.value().name, "f");
  CHECK_EQ(first.value().bytes, 3u);
  {
    auto writer = FileWriter::create(path);
    CHECK_OK(writer.status());
    CHECK_OK(writer.value()->write("half"));
    CHECK_EQ(std::string(read_file(path, 100).value()), "old");
    CHECK_EQ(entries(folder), 2u);
  }
  CHECK_EQ(entries(folder), 1u);
  auto writer = FileWriter::create(path);
  std::string all;
  for (int i = 0; i < 3000; ++i) {  // small and large pieces across the buffer's size
    const std::string piece(static_cast<size_t>(i % 7 == 0 ? i * 40 : i), static_cast<char>('a' + i % 26));
    CHECK_OK(writer.value()->write(piece));
    all += piece;
  }
  const auto record = writer.value()->commit();
  CHECK_OK(record.status());
  CHECK_EQ(record.value().bytes, all.size());
  CHECK(read_file(path, all.size()).value() == all);
  CHECK_EQ(entries(folder), 1u);
}

TEST("file writer: errors name the path and the reason") {
  CHECK_EQ(std::string(FileWriter::create("/nonexistent/folder/f").status().message()),
           "cannot create /nonexistent/folder/f: No such file or directory; check the path");
  const std::string path = test::temporary_folder() + "/f";
  CHECK_OK(write_file(path, "12345").status());
  CHECK_EQ(std::string(read_file(path, 4).status().message()),
           path + " has 5 bytes, over the limit of 4; it is not the file it is taken for");
  std::ofstream(path) << "{";
  CHECK_EQ(
      std::string(read_json_file(path).status().message()),
      path + ": invalid JSON at line 1, column 2: the text ends where a key in double quotes is expected");
}

TEST("file writer: a full disk is disk_full, kills nothing and leaves nothing") {
  const std::string folder = test::temporary_folder();
  const std::vector<char> block(1 << 20, 'x');
  Status status;
  {
    const SizeLimit limit(300'000);
    auto writer = FileWriter::create(folder + "/big");
    CHECK_OK(writer.status());
    status = writer.value()->write(block.data(), block.size());
    CHECK(status.code() == StatusCode::disk_full);
    CHECK_EQ(std::string(writer.value()->write("more").message()),
             status.message());  // a failed file stays failed
    CHECK_EQ(std::string(writer.value()->commit().status().message()), status.message());
  }
  CHECK(status.message().starts_with("cannot write " + folder +
                                     "/big: File too large; raise the file size limit"));
  CHECK(status.message().find("(300000 bytes written, ") != std::string::npos);
  CHECK_EQ(entries(folder), 0u);
  CHECK_OK(write_file(folder + "/big", std::string_view(block.data(), block.size())).status());
  sigset_t pending;
  sigpending(&pending);
  CHECK(!sigismember(&pending, SIGXFSZ));
}

TEST("file writer: ENOSPC of /dev/full is disk_full") {
  // A folder whose file system is full needs root; /dev/full answers write() with ENOSPC for everybody.
  if (access("/dev/full", W_OK) != 0) return test::skip("no /dev/full");
  const std::string folder = test::temporary_folder();
  const std::string temporary = folder + "/f.tmp-" + std::to_string(getpid()) + "-0";
  auto writer = FileWriter::create(folder + "/f");
  CHECK_OK(writer.status());
  // The open descriptor of the temporary is exchanged for /dev/full.
  int found = -1;
  for (int file = 3; file < 64 && found < 0; ++file) {
    std::error_code error;
    if (fs::read_symlink("/proc/self/fd/" + std::to_string(file), error) == temporary) found = file;
  }
  CHECK(found >= 0);
  FILE* full = std::fopen("/dev/full", "w");
  dup2(fileno(full), found);
  std::fclose(full);
  const std::vector<char> block(1 << 20, 'x');
  const Status status = writer.value()->write(block.data(), block.size());
  CHECK(status.code() == StatusCode::disk_full);
  CHECK(status.message().find("No space left on device; free some space or write to another disk") !=
        std::string::npos);
}

TEST("directory commit: all or nothing, with a manifest that verifies") {
  const std::string root = test::temporary_folder(), path = root + "/deep/out";
  commit_folder(path);
  const auto manifest = verify_manifest(path);
  CHECK_OK(manifest.status());
  CHECK_EQ(int64_t{*manifest.value().find("step")->integer()}, 7);
  CHECK_EQ(std::string(manifest.value().object()->front().first), "schema");
  CHECK_EQ(entries(root + "/deep"), 1u);
  {
    auto dropped = DirectoryCommit::create(root + "/dropped/");
    CHECK_OK(write_file(dropped.value()->folder() + "/x", "x").status());
    CHECK(fs::exists(dropped.value()->folder()));
  }
  CHECK_EQ(entries(root), 1u);
  CHECK_EQ(std::string(DirectoryCommit::create(path).status().message()),
           path + " already exists and is not an empty folder; choose another path or delete it first");
  fs::create_directory(root + "/empty");
  commit_folder(root + "/../" + fs::path(root).filename().string() + "/fresh");
  auto over_empty = DirectoryCommit::create(root + "/empty");
  CHECK_OK(over_empty.value()->commit({}));
  CHECK(fs::exists(root + "/empty/MANIFEST.json"));
}

TEST("directory commit: a file added twice is refused and nothing appears") {
  const std::string root = test::temporary_folder();
  {
    auto commit = DirectoryCommit::create(root + "/out");
    const auto record = write_file(commit.value()->folder() + "/x", "x");
    commit.value()->add(record.value());
    commit.value()->add(record.value());
    CHECK_EQ(std::string(commit.value()->commit({}).message()),
             "file 'x' was added twice or cannot be in a manifest");
  }
  CHECK_EQ(entries(root), 0u);
}

TEST("manifest: a flipped bit, a cut file, a missing file and a lie are each named") {
  const auto damaged = [](const std::function<void(const std::string&)>& damage) {
    const std::string path = commit_folder(test::temporary_folder() + "/out");
    damage(path);
    const std::string message = verify_error(path);
    const size_t at = message.find(path);
    return at == message.npos ? message : std::string(message).replace(at, path.size(), "@");
  };
  const std::string mend = "; the file was damaged or changed after it was written: use another copy";
  CHECK_EQ(damaged([](const std::string&) {}), "accepted");
  CHECK_EQ(damaged([](const std::string& path) { std::ofstream(path + "/b.txt") << "content of b.txu"; }),
           "@/b.txt does not have the sha256 that the manifest says" + mend);
  CHECK_EQ(damaged([](const std::string& path) { fs::resize_file(path + "/a.txt", 3); }),
           "@/a.txt has 3 bytes where the manifest says 16" + mend);
  CHECK_EQ(damaged([](const std::string& path) { fs::remove(path + "/a.txt"); }),
           "cannot read @/a.txt: No such file or directory; check the path");
  CHECK_EQ(damaged([](const std::string& path) {
             fs::remove(path + "/a.txt");
             fs::create_directory(path + "/a.txt");
           }),
           "@/a.txt is not a regular file");
  CHECK_EQ(damaged([](const std::string& path) {
             fs::remove(path + "/a.txt");
             mkfifo((path + "/a.txt").c_str(), 0600);
           }),
           "@/a.txt is not a regular file");
  const auto manifest_says = [&](const std::string& text) {
    return damaged([&](const std::string& path) { std::ofstream(path + "/MANIFEST.json") << text; });
  };
  const std::string hash(64, 'a');
  const auto entry = [&](const std::string& name, const std::string& bytes, const std::string& sha) {
    return R"({"name":")" + name + R"(","bytes":)" + bytes + R"(,"sha256":")" + sha + "\"}";
  };
  const std::string head = "@/MANIFEST.json: ";
  CHECK_EQ(manifest_says("[]"), head + "has no \"files\" list, so it is not a manifest");
  CHECK_EQ(manifest_says(R"({"files":[{"name":"a.txt"}]})"),
           head + "an entry of \"files\" lacks name, bytes or sha256");
  CHECK_EQ(manifest_says(R"({"files":[)" + entry("../a.txt", "16", hash) + "]}"),
           head + "the entry \"../a.txt\" is not a plain file name");
  CHECK_EQ(manifest_says(R"({"files":[)" + entry("/etc/passwd", "16", hash) + "]}"),
           head + "the entry \"/etc/passwd\" is not a plain file name");
  CHECK_EQ(manifest_says(R"({"files":[)" + entry("a.txt", "-1", hash) + "]}"),
           head + "the entry \"a.txt\" has a negative size");
  CHECK_EQ(manifest_says(R"({"files":[)" + entry("a.txt", "16", "ABC") + "]}"),
           head + "the entry \"a.txt\" has a sha256 that is not 64 lower-case hex digits");
  CHECK_EQ(manifest_says(R"({"files":[)" + entry("a.txt", "16", hash) + "]}"),
           "@/a.txt does not have the sha256 that the manifest says" + mend);
  const std::string good =
      entry("a.txt", "16", "8ff1d50db2b9cec46be2c38ff7aa0b4ed2ab9b3ee7ebaf07ac1f3f3a9e2b1c00");
  CHECK(manifest_says(R"({"files":[)" + good + "," + good + "]}").find("sha256") != std::string::npos);
  CHECK(manifest_says("{\"files\":").find("MANIFEST.json: invalid JSON at line 1, column 10") !=
        std::string::npos);
  CHECK(damaged([](const std::string& path) {
          fs::remove(path + "/MANIFEST.json");
        }).find("cannot read @/MANIFEST.json") == 0);
}

TEST("manifest: a file listed twice is refused") {
  const std::string path = commit_folder(test::temporary_folder() + "/out");
  auto manifest = read_json_file(path + "/MANIFEST.json");
  Json::Array& files = *const_cast<Json*>(manifest.value().find("files"))->array();
  files.push_back(files[0]);
  CHECK_OK(write_file(path + "/MANIFEST.json", manifest.value().dump()).status());
  CHECK_EQ(verify_error(path), path + "/MANIFEST.json: lists \"a.txt\" twice");
}

TEST("remove and sweep: folders go whole, strangers stay") {
  const std::string root = test::temporary_folder();
  commit_folder(root + "/checkpoint-1");
  CHECK_OK(remove_directory(root + "/checkpoint-1/"));
  CHECK_EQ(entries(root), 0u);
  CHECK(remove_directory(root + "/none").code() == StatusCode::not_found);
  for (const char* name : {"checkpoint-2.tmp-123-0", "checkpoint-3.trash-9-12", "checkpoint-4",
                           "checkpoint-5.tmp-x", "checkpoint-6.tmp-1-2-3", "mine.tmp-1-2"}) {
    fs::create_directories(root + "/" + name + "/inside");
  }
  CHECK_OK(remove_leftovers(root, "checkpoint-"));
  CHECK_EQ(entries(root), 4u);
  CHECK(!fs::exists(root + "/checkpoint-2.tmp-123-0") && !fs::exists(root + "/checkpoint-3.trash-9-12"));
  CHECK_OK(remove_leftovers(root + "/none", "checkpoint-"));
}

TEST("copy, free space and names") {
  const std::string root = test::temporary_folder();
  std::ofstream(root + "/from") << "payload";
  const auto record = copy_file(root + "/from", root, "to");
  CHECK_OK(record.status());
  CHECK_EQ(std::string(read_file(root + "/to", 100).value()), "payload");
  CHECK_EQ(std::string(record.value().sha256),
           std::string(write_file(root + "/again", "payload").value().sha256));
  CHECK_EQ(std::string(copy_file(root + "/from", root, "../to").status().message()),
           "'../to' is not a file name");
  CHECK(free_space(root + "/not/yet/there").value() > 0);
  CHECK(free_space("relative").value() > 0);
  CHECK_EQ(base_name("/a/b//"), "b");
  CHECK_EQ(base_name("b"), "b");
  CHECK(is_plain_name("a.b") && !is_plain_name("") && !is_plain_name(".") && !is_plain_name("a/b"));
  CHECK(!is_plain_name(std::string_view("a\0b", 3)) && !is_plain_name(std::string(256, 'a')));
}
