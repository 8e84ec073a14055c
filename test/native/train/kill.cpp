// kill -9 at many moments of a run that saves at every step: whatever was reported as saved is there and
// whole.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "native/io/commit.h"
#include "native/train/checkpoint.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;

static TrainConfig config_for(const std::string& folder) {
  TrainConfig config = quick_config();
  config.num_train_epochs = 6;
  config.save_steps = 1;
  config.output_dir = folder;
  return config;
}

// A process of its own, not a fork: a device that this one uses is lost in a fork. Arguments: folder, dtype,
// the pipe that it writes the step of each committed checkpoint to.
static int train_in_child(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) return 4;
  const std::string& folder = arguments[0];
  const int pipe = std::stoi(arguments[2]);
  Run run(arguments[1] == dtype_name(DType::bf16) ? DType::bf16 : DType::f32);
  Status status = run.create(config_for(folder), random_batches(7));
  if (status.ok()) status = run.resume().status();
  run.events.then = [&](const Event& event) {
    const auto* saved = std::get_if<CheckpointEvent>(&event);
    if (saved && ::write(pipe, &saved->step, sizeof saved->step) < 0) _exit(3);
  };
  if (status.ok()) status = run.run();
  return status.ok() ? 0 : 2;
}
static const test::RegisterChild kTrains("trains", train_in_child);

// Kills children that train in `folder`, one after the other, until one ends by itself. How many were killed.
static int kill_until_done(const std::string& folder, DType dtype, std::mt19937& random) {
  int kills = 0, status = 0;
  int64_t reported = 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    int pipe[2];
    CHECK_EQ(::pipe(pipe), 0);
    const std::string type(dtype_name(dtype)), report = std::to_string(pipe[1]);
    const pid_t child = fork();
    if (child == 0) {
      ::close(pipe[0]);
      ::execl("/proc/self/exe", "test_train", "--child", "trains", folder.c_str(), type.c_str(),
              report.c_str(), static_cast<char*>(nullptr));
      _exit(126);
    }
    ::close(pipe[1]);
    // After 0, 1 or 2 saves of this child, and at a random moment of the step and the save that follow.
    for (unsigned saves = random() % 3; saves > 0; --saves) {
      int64_t step = 0;
      if (::read(pipe[0], &step, sizeof step) != sizeof step) break;
      reported = step;
    }
    usleep(static_cast<useconds_t>(random() % 12'000));
    kill(child, SIGKILL);
    int64_t step = 0;
    while (::read(pipe[0], &step, sizeof step) == sizeof step) reported = step;
    ::close(pipe[0]);
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) break;
    ++kills;
    const auto found = list_checkpoints(folder);
    CHECK_OK(found.status());
    CHECK(reported == 0 || !found.value().empty());
    for (const Checkpoint& checkpoint : found.value()) CHECK_OK(verify_checkpoint(checkpoint.path).status());
    if (!found.value().empty()) CHECK(found.value().back().step >= reported);
  }
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return kills;
}

TEST(
    "kill -9 at random points: nothing that was reported as saved is lost, every run ends with the same "
    "bits") {
  // Of each dtype. A child takes a second to start a device.
  const int wanted = test::backend_name() == std::string("cpu") ? 25 : 6;
  const unsigned seed = std::random_device{}();
  std::cout << "    seed " << seed << "\n";
  std::mt19937 random(seed);
  for (const DType dtype : kTypes) {
    Run whole(dtype);
    const std::string whole_folder = test::temporary_folder();
    CHECK_OK(whole.create(config_for(whole_folder), random_batches(7)));
    CHECK_OK(whole.run());
    // Moments and master weights too.
    const auto optimizer_state = [](const std::string& output_dir) {
      return io::read_file(output_dir + "/checkpoint-24/trainer_state.safetensors", 1 << 26).take();
    };
    int kills = 0, runs = 0;
    for (; kills < wanted && runs < 100; ++runs) {
      const std::string folder = test::temporary_folder();
      kills += kill_until_done(folder, dtype, random);
      Run last(dtype);
      CHECK_OK(last.create(config_for(folder), random_batches(7)));
      const auto resumed = last.resume();
      CHECK(resumed.ok() && resumed.value() == 24);
      CHECK(weights_of(*last.model) == weights_of(*whole.model));
      CHECK_OK(last.run());
      const auto entries = std::filesystem::directory_iterator(folder);
      CHECK_EQ(std::distance(begin(entries), end(entries)), 2);  // two checkpoints, no leftovers
      CHECK(optimizer_state(folder) == optimizer_state(whole_folder));
    }
    std::cout << "    " << dtype_name(dtype) << ": " << kills << " kills in " << runs << " runs\n";
    CHECK(kills >= wanted);
  }
}

TEST("resuming removes what a kill between a save and its pruning left") {
  const std::string folder = test::temporary_folder();
  TrainConfig config = config_for(folder);
  config.save_total_limit = 5;
  Run first;
  CHECK_OK(first.create(config, random_batches(7)));
  CHECK_OK(first.run());
  CHECK_EQ(list_checkpoints(folder).value().size(), size_t{5});
  config.save_total_limit = 2;
  Run last;
  CHECK_OK(last.create(config, random_batches(7)));
  CHECK_OK(last.resume().status());
  CHECK_OK(last.run());
  CHECK_EQ(list_checkpoints(folder).value().size(), size_t{2});
}
