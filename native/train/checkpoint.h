#pragma once
// Checkpoints: `<output_dir>/checkpoint-<step>/` is a Hugging Face model folder, or the PEFT folder of a
// model with an adapter, plus
//   trainer_state.safetensors   "m.<parameter>" and "v.<parameter>", float32, of the trainable parameters; of
//                               a bfloat16 run also "r.<parameter>", int16: bits(master) = (weight << 16) + r
//   trainer_state.json          schema "belle-train/trainer/1", the fields of TrainerState
//   MANIFEST.json               schema "belle-train/checkpoint/1", every file's size and sha256
// A folder of that name is whole: it is renamed into place after everything in it was fsynced.
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/model/model.h"
#include "native/train/optimizer.h"

namespace belle::train {

// All of a run's state that is neither weights nor moments. There is no generator state: draws are functions
// of (seed, epoch, index).
struct TrainerState {
  int64_t step = 0;             // optimizer steps done, skipped ones included
  int64_t updates = 0;          // updates applied: AdamW's own step count
  int64_t nonfinite_steps = 0;  // in a row, up to now
  int64_t epoch = 0;            // data cursor: the next micro-batch
  int64_t micro_batch = 0;
  uint64_t seed = 0;
  std::string data_fingerprint, config_fingerprint;
  std::string base_fingerprint;  // of the frozen weights, which an adapter's checkpoint does not hold
};

struct Checkpoint {
  int64_t step = 0;
  std::string path;
};

// The folders named checkpoint-<step> of output_dir, by rising step; none when output_dir does not exist.
Result<std::vector<Checkpoint>> list_checkpoints(const std::string& output_dir);

std::string checkpoint_path(const std::string& output_dir, int64_t step);

// Bytes that write_checkpoint will put on the disk.
Result<uint64_t> checkpoint_bytes(const model::Model& model, const Optimizer& optimizer,
                                  const std::vector<std::string>& extra_files);

// disk_full, before anything is written, unless 1.2 times checkpoint_bytes is free. A folder already at
// `path` is replaced: only a damaged one can be there.
Status write_checkpoint(const std::string& path, const model::Model& model, const Optimizer& optimizer,
                        const TrainerState& state, const std::vector<std::string>& extra_files);

// Checks every file against the manifest and reads trainer_state.json.
Result<TrainerState> verify_checkpoint(const std::string& path);

// Weights (or the adapter's) and moments of a verified checkpoint; nothing is changed unless all of them fit
// the model.
Status load_checkpoint(const std::string& path, model::Model& model, const Optimizer& optimizer);

// Deletes checkpoints older than the newest `limit` (at least 2) whose files have the manifest's sizes, among
// those of at most `newest` steps. limit 0 keeps all.
Status prune_checkpoints(const std::string& output_dir, int64_t newest, int64_t limit);

}  // namespace belle::train
