#pragma once
// A tiny LLaMA, random batches and a trainer run that keeps its events.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/model/model.h"
#include "native/train/trainer.h"

namespace belle::train::fixture {

std::unique_ptr<model::Model> tiny_model(int threads = 1, DType dtype = DType::f32);
// A tiny BLOOM of the same vocabulary.
std::unique_ptr<model::Model> tiny_bloom(int threads = 1, DType dtype = DType::f32);

inline constexpr DType kTypes[] = {DType::f32, DType::bf16};  // what a run may compute in

// Micro-batches of 1 to 3 documents of different lengths, about two thirds of the tokens supervised.
std::vector<Batch> random_batches(size_t count, uint64_t seed = 5);

// A config that trains the tiny model visibly in a few steps.
TrainConfig quick_config();

struct Events {
  std::vector<StepEvent> steps;
  std::vector<CheckpointEvent> checkpoints;
  std::vector<EvalEvent> evaluations;
  std::vector<std::string> warnings;
  std::vector<DoneEvent> done;
  // Called on every event, after it was kept.
  std::function<void(const Event&)> then;
  void operator()(const Event& event);
  std::string first_warning() const { return warnings.empty() ? "" : warnings[0]; }
};

// Host copy of all weights.
std::vector<float> weights_of(const model::Model& model);

struct Run {
  DType dtype;  // of the model that create() makes
  std::unique_ptr<model::Model> model;
  std::unique_ptr<Trainer> trainer;
  Events events;
  std::atomic<bool> stop{false};
  explicit Run(DType of = DType::f32) : dtype(of) {}
  Status create(const TrainConfig& config, std::vector<Batch> batches, int threads = 1,
                std::vector<Batch> eval = {});
  Status run();
  Result<int64_t> resume();
  void stop_after(int64_t step);  // sets the flag on that step's event
};

// The largest |got - expected| / |expected|; infinite where their numbers differ.
double worst_relative(const std::vector<double>& got, const std::vector<double>& expected);

}  // namespace belle::train::fixture
