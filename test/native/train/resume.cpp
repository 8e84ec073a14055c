// Checkpoints: exact resume, damage, full disks, pruning.
#include <sys/mount.h>
#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "native/io/safetensors.h"
#include "native/io/token_shard.h"
#include "native/train/checkpoint.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;
namespace fs = std::filesystem;

namespace {

TrainConfig saving_config(const std::string& output_dir) {
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  config.output_dir = output_dir;
  return config;
}

std::string bytes_of(const std::string& path) {
  auto read = io::read_file(path, 1u << 30);
  CHECK_OK(read.status());
  return read.ok() ? read.take() : "";
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void flip_bit(const std::string& path) {
  std::string text = bytes_of(path);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 4);
  std::ofstream(path, std::ios::binary) << text;
}

// A run to the end in one go: 7 micro-batches, windows of 2, 8 steps.
struct Whole {
  std::string folder = test::temporary_folder();
  Run run;
  explicit Whole(DType dtype = DType::f32) : run(dtype) {
    CHECK_OK(run.create(saving_config(folder), random_batches(7)));
    CHECK_OK(run.run());
    CHECK_EQ(run.events.steps.size(), 8u);
  }
};

}  // namespace

TEST("resume: stopped after any step, the rest of the run has the same bits") {
  for (const DType dtype : kTypes) {
    const Whole whole(dtype);
    for (const int64_t cut : {1, 3, 4, 7}) {
      const std::string folder = test::temporary_folder();
      const TrainConfig config = saving_config(folder);
      {
        Run first(dtype);
        CHECK_OK(first.create(config, random_batches(7)));
        first.stop_after(cut);
        const Status status = first.run();
        CHECK(status.code() == StatusCode::aborted);
        CHECK_EQ(std::string(status.message()), "training was stopped after step " + std::to_string(cut) +
                                                    " of 8; resume from " + folder + "/checkpoint-" +
                                                    std::to_string(cut));
        const std::vector<DoneEvent>& done = first.events.done;
        CHECK(done.size() == 1 && done[0].stopped && done[0].step == cut);
      }
      Run second(dtype);
      CHECK_OK(second.create(config, random_batches(7)));
      const auto resumed = second.resume();
      CHECK(resumed.ok() && resumed.value() == cut);
      CHECK_OK(second.run());
      CHECK_EQ(static_cast<int64_t>(second.events.steps.size()), 8 - cut);
      if (whole.run.events.steps.size() != 8) return;
      for (size_t i = 0; i < second.events.steps.size(); ++i) {
        const StepEvent &a = second.events.steps[i],
                        &b = whole.run.events.steps[i + static_cast<size_t>(cut)];
        CHECK(a.step == b.step && a.loss == b.loss && a.grad_norm == b.grad_norm && a.lr == b.lr &&
              a.epoch == b.epoch);
      }
      for (const char* file :
           {"model.safetensors", "trainer_state.safetensors", "trainer_state.json", "MANIFEST.json"}) {
        CHECK(bytes_of(folder + "/checkpoint-8/" + file) == bytes_of(whole.folder + "/checkpoint-8/" + file));
      }
      CHECK(weights_of(*second.model) == weights_of(*whole.run.model));
    }
  }
}

TEST("checkpoint: a Hugging Face folder with the moments by name") {
  const Whole whole;
  const std::string path = whole.folder + "/checkpoint-8";
  CHECK_EQ(names_in(whole.folder), std::vector<std::string>{"checkpoint-8"});
  CHECK_EQ(names_in(path), (std::vector<std::string>{"MANIFEST.json", "config.json", "generation_config.json",
                                                     "model.safetensors", "trainer_state.json",
                                                     "trainer_state.safetensors"}));
  const auto loaded = model::Model::load(path, {.backend = test::backend_name(), .threads = 1});
  CHECK_OK(loaded.status());
  CHECK(weights_of(*loaded.value()) == weights_of(*whole.run.model));
  const auto moments = io::SafetensorsFile::open(path + "/trainer_state.safetensors");
  CHECK_OK(moments.status());
  CHECK_EQ(moments.value().tensors().size(), 2 * whole.run.model->parameters().size());
  const auto state = verify_checkpoint(path);
  CHECK_OK(state.status());
  CHECK(state.value().step == 8 && state.value().updates == 8 && state.value().epoch == 2 &&
        state.value().micro_batch == 0 && state.value().seed == 42);
}

TEST("checkpoint: a bfloat16 run's folder is an ordinary bfloat16 model, its masters' other halves apart") {
  const Whole whole(DType::bf16);
  const std::string path = whole.folder + "/checkpoint-8";
  const auto weights = io::SafetensorsFolder::open(path);
  const auto state = io::SafetensorsFile::open(path + "/trainer_state.safetensors");
  CHECK_OK(weights.status());
  CHECK_OK(state.status());
  const auto& parameters = whole.run.model->parameters();
  CHECK_EQ(weights.value().names().size(), parameters.size());
  CHECK_EQ(state.value().tensors().size(), 3 * parameters.size());
  int64_t nonzero = 0, elements = 0;
  for (const model::Parameter& parameter : parameters) {
    CHECK(weights.value().find(parameter.name)->dtype == DType::bf16);
    const io::TensorView* remainder = state.value().find("r." + parameter.name);
    CHECK(remainder != nullptr && remainder->dtype == DType::i16 && remainder->shape == parameter.shape);
    for (int64_t i = 0; i < parameter.elements; ++i) {
      nonzero += (remainder->bytes[static_cast<size_t>(2 * i)] |
                  remainder->bytes[static_cast<size_t>(2 * i + 1)]) != 0;
    }
    elements += parameter.elements;
  }
  CHECK(nonzero > elements * 9 / 10);
  const auto config = io::read_json_file(path + "/config.json");
  CHECK_EQ(*config.value().find("torch_dtype")->string(), std::string("bfloat16"));
  for (const DType dtype : kTypes) {
    const auto loaded =
        model::Model::load(path, {.backend = test::backend_name(), .threads = 1, .dtype = dtype});
    CHECK_OK(loaded.status());
    CHECK(weights_of(*loaded.value()) == weights_of(*whole.run.model));
  }
}

TEST("resume: a checkpoint of another dtype is refused, and nothing is changed") {
  for (const DType dtype : kTypes) {
    const Whole whole(dtype);
    Run other(dtype == DType::f32 ? DType::bf16 : DType::f32);
    CHECK_OK(other.create(saving_config(whole.folder), random_batches(7)));
    const std::vector<float> before = weights_of(*other.model);
    const std::string theirs(dtype_name(dtype)), ours(dtype_name(other.dtype));
    CHECK_EQ(std::string(other.resume().status().message()),
             whole.folder + "/checkpoint-8 was written by a " + theirs + " run, but the model computes in " +
                 ours + "; load the model with dtype " + theirs +
                 ", or choose another output_dir to start afresh");
    CHECK(weights_of(*other.model) == before);
  }
}

TEST("checkpoint: embeddings-only state holds the moments of the embeddings alone, and resumes exactly") {
  for (const DType dtype : kTypes) {
    TrainConfig config = saving_config(test::temporary_folder());
    config.trainable = Trainable::embeddings;
    Run whole(dtype);
    CHECK_OK(whole.create(config, random_batches(7)));
    CHECK_OK(whole.run());
    config.output_dir = test::temporary_folder();
    config.extra_files = {config.output_dir + "/vocabulary.txt"};
    std::ofstream(config.extra_files[0]) << "pieces";
    Run first(dtype), second(dtype);
    CHECK_OK(first.create(config, random_batches(7)));
    first.stop_after(5);
    CHECK(first.run().code() == StatusCode::aborted);
    CHECK_EQ(bytes_of(config.output_dir + "/checkpoint-5/vocabulary.txt"), "pieces");
    const auto moments =
        io::SafetensorsFile::open(config.output_dir + "/checkpoint-5/trainer_state.safetensors");
    CHECK_OK(moments.status());
    CHECK_EQ(moments.value().tensors().size(), dtype == DType::f32 ? 4u : 6u);
    CHECK(moments.value().find("v.lm_head.weight") && moments.value().find("m.model.embed_tokens.weight"));
    CHECK_OK(second.create(config, random_batches(7)));
    CHECK_OK(second.resume().status());
    CHECK_OK(second.run());
    CHECK(weights_of(*second.model) == weights_of(*whole.model));
    const auto fresh = tiny_model(1, dtype);
    for (const model::Parameter& parameter : whole.model->parameters()) {
      const auto start = fresh->read_parameter(parameter).take(),
                 end = whole.model->read_parameter(parameter).take();
      CHECK_EQ(start != end, parameter.embedding);
    }
  }
}

TEST("resume: a damaged newest checkpoint is passed over by name, and later replaced") {
  const Whole whole;
  for (const char* victim :
       {"model.safetensors", "trainer_state.safetensors", "trainer_state.json", "MANIFEST.json"}) {
    TrainConfig config = saving_config(test::temporary_folder());
    config.save_steps = 2;
    Run first;
    CHECK_OK(first.create(config, random_batches(7)));
    first.stop_after(6);
    CHECK(first.run().code() == StatusCode::aborted);
    CHECK_EQ(names_in(config.output_dir), (std::vector<std::string>{"checkpoint-4", "checkpoint-6"}));
    const std::string damaged = config.output_dir + "/checkpoint-6";
    if (std::string(victim) == "MANIFEST.json")
      fs::resize_file(damaged + "/" + victim, 40);
    else
      flip_bit(damaged + "/" + victim);
    Run second;
    CHECK_OK(second.create(config, random_batches(7)));
    const auto resumed = second.resume();
    CHECK(resumed.ok() && resumed.value() == 4);
    CHECK_EQ(second.events.warnings.size(), 1u);
    CHECK(second.events.first_warning().starts_with(damaged + " is damaged and was passed over: " + damaged +
                                                    "/" + victim));
    CHECK_OK(second.run());
    CHECK(weights_of(*second.model) == weights_of(*whole.run.model));
    CHECK_EQ(names_in(config.output_dir), (std::vector<std::string>{"checkpoint-6", "checkpoint-8"}));
    CHECK_OK(verify_checkpoint(damaged).status());
  }
}

TEST("resume: with every checkpoint damaged it says so instead of starting over") {
  const Whole whole;
  flip_bit(whole.folder + "/checkpoint-8/config.json");
  Run run;
  CHECK_OK(run.create(saving_config(whole.folder), random_batches(7)));
  const auto resumed = run.resume();
  CHECK(resumed.status().code() == StatusCode::invalid_data);
  CHECK_EQ(std::string(resumed.status().message()),
           "none of the checkpoints in " + whole.folder + " can be read; the oldest: " + whole.folder +
               "/checkpoint-8/config.json does not have the sha256 that the manifest says; the file was "
               "damaged or "
               "changed after it was written: use another copy. Choose another output_dir to start afresh");
}

TEST("resume: other data, config, seed or model is refused; nothing to resume is step 0") {
  const Whole whole;
  const std::string path = whole.folder + "/checkpoint-8";
  const std::string mend = "; resume with the same, or choose another output_dir to start afresh";
  const auto error = [&](TrainConfig config, std::vector<Batch> batches) {
    Run run;
    CHECK_OK(run.create(config, std::move(batches)));
    return std::string(run.resume().status().message());
  };
  const TrainConfig config = saving_config(whole.folder);
  CHECK_EQ(error(config, random_batches(7)), "");
  CHECK_EQ(error(config, random_batches(7, 6)), path + " was written with other training data" + mend);
  TrainConfig other = config;
  other.learning_rate *= 2;
  CHECK_EQ(error(other, random_batches(7)), path + " was written with another training config" + mend);
  other.config_fingerprint = whole.run.model ? "given by the caller" : "";
  CHECK_EQ(error(other, random_batches(7)), path + " was written with another training config" + mend);
  other = config;
  other.seed = 43;
  CHECK_EQ(error(other, random_batches(7)), path + " was written with seed 42" + mend);
  other = config;
  other.output_dir = test::temporary_folder() + "/new";
  Run fresh;
  CHECK_OK(fresh.create(other, random_batches(7)));
  const auto step = fresh.resume();
  CHECK(step.ok() && step.value() == 0);

  model::ResizeRequest resize;
  resize.rows = 99;
  resize.sub_tokens = {{1}, {2}};
  Run larger;
  larger.model = tiny_model();
  CHECK_OK(larger.model->resize_vocabulary(resize));
  const std::vector<float> before = weights_of(*larger.model);
  CHECK_OK(larger.create(config, random_batches(7)));
  const std::string message = larger.resume().status().message();
  CHECK(message.starts_with(
      path +
      ": tensor \"model.embed_tokens.weight\" has another shape or dtype than the model's "
      "float32 [99, 32]; resume with the model the run was started with"));
  CHECK(weights_of(*larger.model) == before);
}

TEST("run: an output_dir with checkpoints is not overwritten without resume") {
  const Whole whole;
  Run run;
  CHECK_OK(run.create(saving_config(whole.folder), random_batches(7)));
  CHECK_EQ(std::string(run.run().message()),
           "output_dir already holds " + whole.folder +
               "/checkpoint-8; resume from it, or choose another output_dir to start afresh");
  Run again;
  CHECK_OK(again.create(saving_config(whole.folder), random_batches(7)));
  CHECK_OK(again.resume().status());
  CHECK_OK(again.run());  // nothing is left to do
  CHECK(again.events.steps.empty() && again.events.checkpoints.empty() && again.events.done.size() == 1);
}

TEST("checkpoints: what a killed run left is swept, old ones are pruned, two always stay") {
  for (const int64_t limit : {0, 1, 2, 3}) {
    TrainConfig config = saving_config(test::temporary_folder());
    config.save_steps = 1;
    config.save_total_limit = limit;
    fs::create_directories(config.output_dir + "/checkpoint-3.tmp-77-0/half");
    fs::create_directories(config.output_dir + "/checkpoint-1.trash-77-0");
    fs::create_directories(config.output_dir + "/checkpoint-best");
    Run run;
    CHECK_OK(run.create(config, random_batches(7)));
    CHECK_OK(run.run());
    std::vector<std::string> expected;
    for (int64_t step = limit == 0 ? 1 : 9 - std::max<int64_t>(limit, 2); step <= 8; ++step) {
      expected.push_back("checkpoint-" + std::to_string(step));
    }
    expected.push_back("checkpoint-best");
    CHECK_EQ(names_in(config.output_dir), expected);
    CHECK_EQ(run.events.checkpoints.size(), 8u);
    CHECK(run.events.warnings.empty());
  }
}

TEST("checkpoints: a damaged one does not count among those that are kept") {
  TrainConfig config = saving_config(test::temporary_folder());
  config.save_steps = 2;
  Run run;
  CHECK_OK(run.create(config, random_batches(7)));
  run.events.then = [&](const Event& event) {
    const auto* saved = std::get_if<CheckpointEvent>(&event);
    if (saved && saved->step == 6) fs::resize_file(saved->path + "/model.safetensors", 100);
  };
  CHECK_OK(run.run());
  CHECK_EQ(names_in(config.output_dir),
           (std::vector<std::string>{"checkpoint-4", "checkpoint-6", "checkpoint-8"}));
}

TEST("full disk: training goes on with a warning and saves at the next point; at the end it is an error") {
  TrainConfig config = saving_config(test::temporary_folder());
  config.save_steps = 2;
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{50'000, before.rlim_max};
  Run run;
  CHECK_OK(run.create(config, random_batches(7)));
  run.events.then = [&](const Event& event) {
    const auto* step = std::get_if<StepEvent>(&event);
    if (step) setrlimit(RLIMIT_FSIZE, step->step == 2 || step->step == 8 ? &tight : &before);
  };
  const Status status = run.run();
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(status.code() == StatusCode::disk_full);
  CHECK(status.message().find("checkpoint-8.tmp-") != std::string::npos);
  CHECK(status.message().find("model.safetensors: File too large") != std::string::npos);
  CHECK_EQ(run.events.warnings.size(), 1u);
  CHECK(run.events.first_warning().starts_with("no checkpoint at step 2: cannot write " + config.output_dir));
  CHECK(run.events.first_warning().ends_with("Training goes on and tries again 2 steps later"));
  CHECK_EQ(names_in(config.output_dir), (std::vector<std::string>{"checkpoint-4", "checkpoint-6"}));
  CHECK_OK(run.run());  // with room again, only the save is left to do
  CHECK_OK(verify_checkpoint(config.output_dir + "/checkpoint-8").status());
}

TEST("full disk: a real ENOSPC and the free-space check on a small tmpfs") {
  const std::string mount_point = test::temporary_folder();
  // Room for the model (about 80 kB) but neither for its moments nor for the margin.
  if (mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=160k") != 0)
    return test::skip("may not mount a tmpfs");
  TrainConfig config = saving_config(mount_point + "/out");
  Run run;
  CHECK_OK(run.create(config, random_batches(7)));
  const Status checked = run.run();
  CHECK(checked.code() == StatusCode::disk_full);
  CHECK(checked.message().starts_with("cannot write " + config.output_dir + "/checkpoint-8: it needs "));
  CHECK(checked.message().find(" free bytes (1.2 times its size) and ") != std::string::npos);
  CHECK(names_in(config.output_dir).empty());
  const Status saved = run.model->save(mount_point + "/model", {.extra_files = {}});
  const Status again = run.model->save(mount_point + "/model2", {.extra_files = {}});
  CHECK_OK(saved);
  CHECK(again.code() == StatusCode::disk_full);
  CHECK(again.message().find("No space left on device; free some space or write to another disk") !=
        std::string::npos);
  CHECK_EQ(names_in(mount_point), (std::vector<std::string>{"model", "out"}));
  umount(mount_point.c_str());
}

TEST("stop: set before the first step, nothing is done and nothing saved") {
  const std::string folder = test::temporary_folder();
  Run run;
  CHECK_OK(run.create(saving_config(folder), random_batches(7)));
  run.stop = true;
  const Status status = run.run();
  CHECK(status.code() == StatusCode::aborted);
  CHECK_EQ(std::string(status.message()), "training was stopped after step 0 of 8");
  CHECK(names_in(folder).empty() && run.events.steps.empty());
}
