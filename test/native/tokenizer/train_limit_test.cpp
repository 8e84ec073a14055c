// Training under a memory limit: the pieces, the work folder, and a process killed while it counts.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "native/core/json.h"
#include "native/tokenizer/train/segment_counter.h"
#include "native/tokenizer/train/shard_folder.h"
#include "test/native/check.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/train_case.h"
#include "test/native/tokenizer/train_text.h"

using namespace belle;
using namespace belle::tokenizer;
namespace fs = std::filesystem;

namespace {

struct Trained {
  SentencePieceModel model;
  Status status;
  BpeTrainProgress last{};
  uint64_t first_done = 0;  // bytes at the first report: more than a portion when shards were taken
  size_t reads = 0;         // reports of reading
  std::string bytes() const { return status.ok() ? serialize_model(model) : status.message(); }
};

Trained trained(const BpeTrainRequest& request) {
  Trained out;
  const std::atomic<bool> stop{false};
  bool first = true;
  auto model = train_bpe(request, stop, [&](const BpeTrainProgress& now) {
    CHECK(now.phase >= out.last.phase);
    CHECK(now.done <= now.total);
    if (std::exchange(first, false)) out.first_done = now.done;
    out.reads += now.phase == BpeTrainProgress::Phase::read;
    out.last = now;
  });
  out.status = model.status();
  if (model.ok()) out.model = model.take();
  return out;
}

// A text that takes several shards, and learning several generations.
BpeTrainRequest limited_request(uint64_t seed, const std::string& text) {
  BpeTrainRequest request;
  request.files = {write_file("corpus.txt", text)};
  request.trainer_spec.vocab_size = static_cast<int32_t>(1500 + 300 * (seed % 3));
  request.trainer_spec.character_coverage = seed % 2 ? 1.0f : 0.99f;
  request.trainer_spec.hard_vocab_limit = false;
  request.trainer_spec.split_by_whitespace = seed % 5 != 0;
  request.normalizer_spec.name = "identity";
  request.threads = 1 + static_cast<int>(seed % 3);
  request.work_folder = test::temporary_folder() + "/work";
  request.memory_limit = uint64_t{2} << 20;
  return request;
}

bool refused(const BpeTrainRequest& request, StatusCode code, const std::string& part) {
  const Trained out = trained(request);
  if (out.status.code() == code && out.status.message().find(part) != std::string::npos) return true;
  std::cout << "    not \"" << part << "\": " << out.status.message() << "\n";
  return false;
}

size_t shards_in(const std::string& folder) {
  size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    count += entry.path().filename().string().starts_with("shard-") && !entry.path().has_extension();
  return count;
}

// Trains until the work folder holds some shards, and is killed there.
int train_in_child(const std::vector<std::string>& arguments) {
  BpeTrainRequest request = limited_request(1, "");
  request.files = {arguments.at(0)};
  request.work_folder = arguments.at(1);
  const auto wanted = static_cast<size_t>(std::stoul(arguments.at(2)));
  const std::atomic<bool> stop{false};
  (void)train_bpe(request, stop, [&](const BpeTrainProgress& now) {
    if (now.phase == BpeTrainProgress::Phase::read && shards_in(request.work_folder) >= wanted)
      ::kill(::getpid(), SIGKILL);
  });
  return 1;  // of its own accord
}
const test::RegisterChild kTrains("trains_bpe", train_in_child);

}  // namespace

TEST("train limit: the pieces of memory, over random corpora") {
  size_t equal = 0, shards = 0, generations = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    BpeTrainRequest request = limited_request(seed, random_text(seed, 12000, seed % 4 < 2 ? 300 : 700));
    const Trained disk = trained(request);
    CHECK_OK(disk.status);
    CHECK(fs::is_empty(request.work_folder));
    shards += disk.last.shards;
    generations += disk.last.generations;
    // Whatever the threads and the limit, also where ties are settled by the rule.
    request.threads = 4;
    request.memory_limit = uint64_t{3} << 20;
    const Trained other = trained(request);
    CHECK(other.bytes() == disk.bytes());
    CHECK_EQ(other.last.ties, disk.last.ties);
    if (disk.last.ties > 0) continue;
    request.memory_limit = 0;
    const Trained memory = trained(request);
    CHECK(memory.bytes() == disk.bytes());
    CHECK_EQ(memory.last.shards, 0u);
    equal += memory.bytes() == disk.bytes();
  }
  std::cout << "    " << equal << " equal, " << shards << " shards, " << generations << " generations\n";
  CHECK(equal >= 3);
  CHECK(shards >= 16);
  CHECK(generations >= 16);
}

TEST("train limit: a process killed while it counts loses no committed shard") {
  const BpeTrainRequest request = limited_request(1, random_text(5, 25000, 300));
  BpeTrainRequest unlimited = request;
  unlimited.memory_limit = 0;
  const Trained whole = trained(unlimited);
  CHECK_OK(whole.status);
  int killed = 0;
  for (size_t wanted = 1; wanted <= 3; ++wanted) {
    const pid_t child = fork();
    if (child == 0) {
      ::execl("/proc/self/exe", "test_tokenizer", "--child", "trains_bpe", request.files[0].c_str(),
              request.work_folder.c_str(), std::to_string(wanted).c_str(), nullptr);
      _exit(126);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  CHECK_EQ(killed, 3);
  const size_t before = shards_in(request.work_folder);
  CHECK(before >= 3);
  const Trained resumed = trained(request);
  CHECK(resumed.bytes() == whole.bytes());
  CHECK(resumed.last.shards > before);
  CHECK(resumed.first_done > (uint64_t{1} << 18));
  CHECK(fs::is_empty(request.work_folder));
}

TEST("train limit: the work folder of another job, a damaged shard, a folder in use") {
  BpeTrainRequest request = limited_request(1, random_text(6, 12000, 700));
  // Stopped while merging, it leaves its counts.
  std::atomic<bool> stop{false};
  const auto leave_shards = [&] {
    stop = false;
    const auto model = train_bpe(request, stop, [&](const BpeTrainProgress& now) {
      if (now.phase == BpeTrainProgress::Phase::merge) stop = true;
    });
    CHECK_EQ(static_cast<int>(model.status().code()), static_cast<int>(StatusCode::aborted));
  };
  leave_shards();
  CHECK(shards_in(request.work_folder) > 1);
  BpeTrainRequest other = request;
  other.trainer_spec.split_digits = true;
  CHECK(refused(other, StatusCode::invalid_argument, "holds the counts of another job"));
  other = request;
  std::ofstream(request.files[0], std::ios::app) << "one more line\n";
  CHECK(refused(other, StatusCode::invalid_argument, "a file that changed since"));

  fs::remove_all(request.work_folder);
  leave_shards();
  const std::string shard = request.work_folder + "/shard-00000";
  std::string bytes = file_bytes(shard);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(shard, std::ios::binary) << bytes;
  CHECK(refused(request, StatusCode::invalid_data, "shard-00000 does not have the SHA-256"));
  std::ofstream(request.work_folder + "/manifest.json") << "{";
  CHECK(refused(request, StatusCode::invalid_data, "manifest.json is damaged"));

  fs::remove_all(request.work_folder);
  const auto holder = ShardFolder::open(request.work_folder, Json(Json::Object{}), false);
  CHECK_OK(holder.status());
  CHECK(refused(request, StatusCode::busy, "another process trains in the work folder"));
}

TEST("train limit: files of others in the work folder are refused and stay") {
  const BpeTrainRequest request = limited_request(1, random_text(6, 12000, 700));
  const std::string mine = "{\"mine\": 1}";
  for (const std::string name : {"letter.txt", "shard-notes.txt", "shard-0001", "shard-00000.bak", "stream-",
                                 "stream-of-thought", "manifest.json.tmp-mine", "shard-00000.tmp-1-", "lock",
                                 // the names of ours, not their content
                                 "shard-00000", "manifest.json"}) {
    fs::create_directory(request.work_folder);
    const std::string path = request.work_folder + "/" + name;
    std::ofstream(path) << mine;
    CHECK(refused(request, StatusCode::invalid_argument, "holds \"" + name + "\""));
    CHECK_EQ(file_bytes(path), mine);
    fs::remove_all(request.work_folder);
  }
  BpeTrainRequest inside = request;
  fs::create_directory(request.work_folder);
  inside.files = {request.work_folder + "/stream-0"};
  fs::copy_file(request.files[0], inside.files[0]);
  CHECK(refused(inside, StatusCode::invalid_argument, "which is to be counted"));
  CHECK(fs::exists(inside.files[0]));
  fs::remove_all(request.work_folder);
  // What a killed process of ours left goes.
  fs::create_directory(request.work_folder);
  for (const char* const name : {"stream-0", "shard-00007", "shard-123456", "manifest.json.tmp-17-0", "lock"})
    std::ofstream(request.work_folder + "/" + name).flush();
  CHECK_OK(trained(request).status);
  CHECK(fs::is_empty(request.work_folder));
}

TEST("train limit: counts serve every request that differs in learning alone") {
  BpeTrainRequest request = limited_request(1, random_text(6, 12000, 20));
  request.trainer_spec.hard_vocab_limit = true;
  request.trainer_spec.vocab_size = 5000;
  request.trainer_spec.max_sentencepiece_length = 2;
  CHECK(refused(request, StatusCode::invalid_argument, "this corpus gives at most"));
  const size_t shards = shards_in(request.work_folder);
  CHECK(shards > 1);
  CHECK(!fs::exists(request.work_folder + "/lock"));

  request.trainer_spec.vocab_size = 10;
  CHECK(refused(request, StatusCode::invalid_argument, "give vocab_size at least"));
  CHECK_EQ(shards_in(request.work_folder), shards);

  request.trainer_spec.vocab_size = 900;
  request.trainer_spec.max_sentencepiece_length = 5;
  request.trainer_spec.character_coverage = 0.99f;
  request.trainer_spec.required_chars = "#";
  // The same symbols at other ids and of other types.
  request.trainer_spec.pad_id = 0, request.trainer_spec.unk_id = 3;
  request.trainer_spec.pad_piece = "<unk>", request.trainer_spec.unk_piece = "</s>";
  request.trainer_spec.eos_piece = "<s>", request.trainer_spec.bos_id = -1;
  const Trained again = trained(request);
  CHECK_OK(again.status);
  CHECK_EQ(again.reads, size_t{0});
  CHECK_EQ(again.last.shards, static_cast<uint32_t>(shards));
  CHECK(fs::is_empty(request.work_folder));
  const Trained fresh = trained(request);
  CHECK(fresh.reads > 0);
  CHECK(again.bytes() == fresh.bytes());
}

TEST("train limit: options that change the counts ask for other ones") {
  BpeTrainRequest request = limited_request(1, random_text(6, 12000, 20));
  request.trainer_spec.vocab_size = 10;
  CHECK(refused(request, StatusCode::invalid_argument, "give vocab_size at least"));
  CHECK(shards_in(request.work_folder) > 1);
  const auto other = [&](auto change) {
    BpeTrainRequest changed = request;
    change(&changed.trainer_spec, &changed.normalizer_spec);
    CHECK(refused(changed, StatusCode::invalid_argument, "holds the counts of another job"));
  };
  other([](auto* t, auto*) { t->max_sentence_length = 1000; });
  other([](auto* t, auto*) { t->input_sentence_size = 1000; });
  other([](auto* t, auto*) { t->split_by_whitespace = !t->split_by_whitespace; });
  other([](auto* t, auto*) { t->split_by_unicode_script = false; });
  other([](auto* t, auto*) { t->split_by_number = false; });
  other([](auto* t, auto*) { t->split_digits = true; });
  other([](auto* t, auto*) { t->treat_whitespace_as_suffix = true; });
  other([](auto* t, auto*) { t->allow_whitespace_only_pieces = true; });
  other([](auto* t, auto*) { t->byte_fallback = true; });
  other([](auto* t, auto*) { t->user_defined_symbols = {"ab"}; });
  other([](auto*, auto* n) { n->name = "nmt_nfkc"; });
  other([](auto*, auto* n) { n->add_dummy_prefix = false; });
  other([](auto*, auto* n) { n->remove_extra_whitespaces = false; });
}

TEST("train limit: a folder that cannot be looked at is a failure, not an exception") {
  BpeTrainRequest request = limited_request(1, random_text(6, 100, 20));
  fs::create_symlink("work", request.work_folder);  // to itself
  CHECK(refused(request, StatusCode::io, "look for the work folder"));
  fs::remove(request.work_folder);
  fs::create_directory(request.work_folder);
  fs::create_symlink("manifest.json", request.work_folder + "/manifest.json");
  CHECK(refused(request, StatusCode::io, "manifest.json"));
}

TEST("train limit: a work folder has one owner, until its object goes") {
  const std::string path = test::temporary_folder() + "/work";
  const Json job(Json::Object{{"job", 1}});
  const auto open = [&] { return ShardFolder::open(path, job, false); };
  {
    auto holder = open();
    CHECK_OK(holder.status());
    if (!holder.ok()) return;
    holder.value().remove_files();
    CHECK_EQ(static_cast<int>(open().status().code()), static_cast<int>(StatusCode::busy));
  }
  CHECK(fs::is_empty(path));
  // Taken and given back by many at once.
  std::atomic<int> inside{0};
  std::atomic<size_t> taken{0}, shared{0}, failed{0};
  const auto take = [&] {
    for (int i = 0; i < 2000; ++i) {
      const auto holder = open();
      if (!holder.ok()) {
        failed += holder.status().code() != StatusCode::busy;
        continue;
      }
      ++taken;
      shared += inside.fetch_add(1) != 0;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      --inside;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back(take);
  for (std::thread& thread : threads) thread.join();
  CHECK(taken > 0);
  CHECK_EQ(shared.load(), size_t{0});
  CHECK_EQ(failed.load(), size_t{0});
  CHECK(fs::is_empty(path));
}

TEST("train limit: a lock that is another's by now stays") {
  const BpeTrainRequest request = limited_request(1, random_text(6, 100, 20));
  const std::string lock = request.work_folder + "/lock";
  {
    const auto holder = ShardFolder::open(request.work_folder, Json(Json::Object{}), false);
    CHECK_OK(holder.status());
    fs::rename(lock, lock + "-of-old");
    std::ofstream(lock).flush();
  }
  CHECK(fs::exists(lock));
}

TEST("train limit: without a work folder nothing stays behind") {
  BpeTrainRequest request = limited_request(1, random_text(7, 12000, 700));
  request.work_folder.clear();
  const Trained disk = trained(request);
  CHECK_OK(disk.status);
  CHECK(disk.last.shards > 1);
  size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(request.files[0]).parent_path()))
    entries += entry.exists();
  CHECK_EQ(entries, size_t{1});
}

TEST("train limit: too small a limit is refused with a sentence") {
  BpeTrainRequest request = limited_request(1, random_text(8, 12000, 2500));
  request.trainer_spec.vocab_size = 20000;
  CHECK(refused(request, StatusCode::invalid_argument, "memory_limit is too small to learn"));
}

TEST("train limit: a shard gives back what was counted") {
  const PieceRules rules((TrainerSpec()));
  SegmentCounter counter(rules, 1);
  counter.add("\xE2\x96\x81hello\xE2\x96\x81hello\xE2\x96\x81x", 3, 0);
  counter.settle();
  const std::string path = test::temporary_folder();
  const Json job(Json::Object{{"job", 1}});
  {
    auto folder = ShardFolder::open(path, job, false);
    CHECK_OK(folder.status());
    if (!folder.ok()) return;
    CHECK_OK(folder.value().add(counter, 7));
  }
  auto folder = ShardFolder::open(path, job, false);
  CHECK_OK(folder.status());
  if (!folder.ok()) return;
  CHECK_EQ(folder.value().next_chunk(), size_t{7});
  CHECK_EQ(folder.value().sentences(), uint64_t{1});
  CHECK_EQ(folder.value().characters().characters.at(U'l'), uint64_t{12});
  std::map<std::string, uint64_t> found;
  std::string buffer;
  for (size_t part = 0; part < ShardFolder::kParts; ++part)
    CHECK_OK(folder.value().read(0, part, &buffer, [&](std::string_view text, uint64_t weight) {
      found[std::string(text)] += weight;
      return Status();
    }));
  const std::map<std::string, uint64_t> expected = {{"\xE2\x96\x81hello", 6}, {"\xE2\x96\x81x", 3}};
  CHECK(found == expected);
}
