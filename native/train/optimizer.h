#pragma once
// Optimizer: gradients, AdamW moments and the trainable part of a model's flat parameter buffer.
#include <cstdint>
#include <vector>

#include "native/core/status.h"
#include "native/model/device_buffer.h"
#include "native/model/model.h"
#include "native/train/trainer.h"

namespace belle::train {

class Optimizer {
 public:
  static Result<Optimizer> create(model::Model& model, Trainable trainable);

  // Device, flat, parameter offsets: what Model::forward_backward accumulates into.
  float* gradients() const { return gradients_.floats(); }
  Status zero_gradients();
  // L2 norm over the trainable parameters, in double, in a fixed order.
  Result<double> gradient_norm() const;
  // One AdamW update of every trainable parameter; decay only where a parameter has two or more dimensions,
  // as transformers.Trainer groups them. `update` counts from 1: the updates applied, this one included.
  Status apply(const TrainConfig& config, double lr, float gradient_scale, int64_t update);

  struct Moments {  // of one trainable parameter, device
    const model::Parameter* parameter;
    float *m, *v;
  };
  std::vector<Moments> moments() const;
  uint64_t trainable_elements() const;  // of matrices and vectors alike
  uint64_t bytes() const;               // gradients and moments

 private:
  // A run of neighbouring parameters of one kind. The padding between parameters is zero and stays zero.
  struct Segment {
    int64_t offset, elements;  // in the flat parameter buffer
    int64_t moments;           // offset into m_ and v_
    bool decay;
    size_t first, last;  // parameters
  };
  explicit Optimizer(model::Model& model) : model_(&model) {}

  model::Model* model_;
  std::vector<Segment> segments_;
  model::DeviceBuffer gradients_, m_, v_;
};

}  // namespace belle::train
