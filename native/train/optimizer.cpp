#include "native/train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "native/model/state.h"

namespace belle::train {

model::ParameterRange trained_range(const model::WeightMap& map, Trainable trainable) {
  switch (trainable) {
    case Trainable::all:
      return map.all();
    case Trainable::embeddings:
      return map.embedding_range();
    case Trainable::lora:
      return map.adapter_range();
  }
  return {};
}

Result<Optimizer> Optimizer::create(model::Model& model, Trainable trainable) {
  Optimizer made(model);
  made.range_ = trained_range(model.state().map, trainable);
  std::vector<const model::Parameter*> trained;
  for (const model::Parameter& parameter : model.parameters()) {
    if (made.range_.contains(parameter.offset)) trained.push_back(&parameter);
  }
  std::sort(trained.begin(), trained.end(),
            [](const auto* a, const auto* b) { return a->offset < b->offset; });
  for (const model::Parameter* parameter : trained) {
    const bool decay = parameter->shape.size() >= 2;
    const int64_t end = parameter->offset + parameter->elements;
    // Adapters lie in memory of their own.
    const bool adjacent = !made.segments_.empty() && made.segments_.back().adapter == parameter->adapter;
    if (adjacent && made.segments_.back().decay == decay) {
      made.segments_.back().end = end;
    } else {
      made.segments_.push_back({parameter->offset, end, decay, parameter->adapter});
    }
  }
  const auto allocate = [&](size_t size) {
    return model::DeviceBuffer::allocate(model.state().backend,
                                         static_cast<size_t>(made.range_.elements()) * size);
  };
  BELLE_ASSIGN(made.gradients_, allocate(sizeof(float)));
  BELLE_ASSIGN(made.m_, allocate(sizeof(float)));
  BELLE_ASSIGN(made.v_, allocate(sizeof(float)));
  if (model.dtype() != DType::f32) {
    BELLE_ASSIGN(made.remainders_, allocate(sizeof(int16_t)));
  }
  return made;
}

int16_t* Optimizer::remainder(int64_t offset) const {
  auto* all = static_cast<int16_t*>(remainders_.data());
  return all == nullptr ? nullptr : all + (offset - range_.begin);
}

Result<double> Optimizer::gradient_norm() const {
  const belle_backend& b = model_->backend();
  double squares = 0;
  BELLE_TRY(backend::from_c(b.sum_squares(b.context, gradients_.floats(), range_.elements(), &squares)));
  return std::sqrt(squares);
}

Status Optimizer::apply(const TrainConfig& config, double lr, float gradient_scale, int64_t update) {
  const belle_backend& b = model_->backend();
  for (const Segment& segment : segments_) {
    const int64_t at = segment.begin - range_.begin;
    belle_adamw_args args{};
    args.n = segment.end - segment.begin;
    args.weight = model_->weights(segment.begin);
    args.remainder = remainder(segment.begin);
    args.type = static_cast<int32_t>(model_->dtype());
    args.grad = gradients_.floats() + at;
    args.m = m_.floats() + at;
    args.v = v_.floats() + at;
    args.grad_scale = gradient_scale;
    args.lr = lr;
    args.beta1 = config.adam_beta1;
    args.beta2 = config.adam_beta2;
    args.eps = config.adam_epsilon;
    args.weight_decay = segment.decay ? config.weight_decay : 0.0;
    args.step = update;
    BELLE_TRY(backend::from_c(b.adamw(b.context, &args)));
  }
  return {};
}

std::vector<Optimizer::Moments> Optimizer::moments() const {
  std::vector<Moments> all;
  for (const model::Parameter& parameter : model_->parameters()) {
    if (!range_.contains(parameter.offset)) continue;
    const int64_t at = parameter.offset - range_.begin;
    all.push_back({&parameter, m_.floats() + at, v_.floats() + at, remainder(parameter.offset)});
  }
  return all;
}

uint64_t Optimizer::trainable_elements() const {
  uint64_t total = 0;
  for (const Moments& moments : moments()) total += static_cast<uint64_t>(moments.parameter->elements);
  return total;
}

}  // namespace belle::train
