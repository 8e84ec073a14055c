#pragma once
// Optimizer: float32 gradients, AdamW moments and master weights of the trained range of a model's flat
// parameter buffer. A bfloat16 weight is the upper half of its float32 master; the lower half is kept here.
#include <cstdint>
#include <vector>

#include "native/core/status.h"
#include "native/model/device_buffer.h"
#include "native/model/model.h"
#include "native/model/weight_map.h"
#include "native/train/trainer.h"

namespace belle::train {

// The run of a model's parameters that `trainable` trains.
model::ParameterRange trained_range(const model::WeightMap& map, Trainable trainable);

class Optimizer {
 public:
  static Result<Optimizer> create(model::Model& model, Trainable trainable);

  // What Model::forward_backward writes into; `first`: the step's first micro-batch, which overwrites.
  model::Gradients gradients(bool first) const { return {gradients_.floats(), range_, first}; }
  // L2 norm over the trainable parameters, in double, in a fixed order.
  Result<double> gradient_norm() const;
  // One AdamW update of every trainable parameter; decay only where a parameter has two or more dimensions,
  // as transformers.Trainer groups them. `update` counts from 1: the updates applied, this one included.
  Status apply(const TrainConfig& config, double lr, float gradient_scale, int64_t update);

  struct Moments {  // of one trainable parameter, device
    const model::Parameter* parameter;
    float *m, *v;
    int16_t* remainder;  // of the master weights; null with float32 weights
  };
  std::vector<Moments> moments() const;  // in the order of Model::parameters()
  uint64_t trainable_elements() const;   // of matrices and vectors alike

 private:
  // A run of neighbouring parameters of one kind. The padding between parameters is zero and stays zero.
  struct Segment {
    int64_t begin, end;  // in the flat parameter buffer
    bool decay, adapter;
  };
  explicit Optimizer(model::Model& model) : model_(&model) {}
  int16_t* remainder(int64_t offset) const;

  model::Model* model_;
  model::ParameterRange range_;
  std::vector<Segment> segments_;
  model::DeviceBuffer gradients_, m_, v_;  // float32 [range_]
  model::DeviceBuffer remainders_;         // int16 [range_] with bfloat16 weights, else empty
};

}  // namespace belle::train
