#include "native/train/optimizer.h"

#include <cmath>

#include "native/model/state.h"

namespace belle::train {

using model::kParameterAlignment;

Result<Optimizer> Optimizer::create(model::Model& model, Trainable trainable) {
  Optimizer made(model);
  const std::vector<model::Parameter>& parameters = model.parameters();
  int64_t total = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const model::Parameter& parameter = parameters[i];
    if (trainable == Trainable::embeddings && !parameter.embedding) continue;
    const bool decay = parameter.shape.size() >= 2;
    Segment* last = made.segments_.empty() ? nullptr : &made.segments_.back();
    if (last && last->last == i && last->decay == decay &&
        parameter.offset - (last->offset + last->elements) < kParameterAlignment) {
      const int64_t grown = parameter.offset + parameter.elements - last->offset;
      total += grown - last->elements;
      last->elements = grown;
      last->last = i + 1;
      continue;
    }
    total = (total + kParameterAlignment - 1) / kParameterAlignment * kParameterAlignment;
    made.segments_.push_back({parameter.offset, parameter.elements, total, decay, i, i + 1});
    total += parameter.elements;
  }
  const std::shared_ptr<belle_backend>& backend = model.state().backend;
  const auto allocate = [&](int64_t elements) {
    return model::DeviceBuffer::allocate(backend, static_cast<size_t>(elements) * sizeof(float));
  };
  BELLE_ASSIGN(made.gradients_, allocate(model.parameter_elements()));
  BELLE_ASSIGN(made.m_, allocate(total));
  BELLE_ASSIGN(made.v_, allocate(total));
  return made;
}

Status Optimizer::zero_gradients() {
  const belle_backend& b = model_->backend();
  for (const Segment& segment : segments_) {
    BELLE_TRY(backend::from_c(b.zero(b.context, gradients() + segment.offset,
                                     static_cast<size_t>(segment.elements) * sizeof(float))));
  }
  return {};
}

Result<double> Optimizer::gradient_norm() const {
  const belle_backend& b = model_->backend();
  double squares = 0;
  for (const Segment& segment : segments_) {
    double sum = 0;
    BELLE_TRY(
        backend::from_c(b.sum_squares(b.context, gradients() + segment.offset, segment.elements, &sum)));
    squares += sum;
  }
  return std::sqrt(squares);
}

Status Optimizer::apply(const TrainConfig& config, double lr, float gradient_scale, int64_t update) {
  const belle_backend& b = model_->backend();
  for (const Segment& segment : segments_) {
    belle_adamw_args args{};
    args.type = BELLE_F32;
    args.n = segment.elements;
    args.weight = model_->weights() + segment.offset;
    args.grad = gradients() + segment.offset;
    args.m = m_.floats() + segment.moments;
    args.v = v_.floats() + segment.moments;
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
  for (const Segment& segment : segments_) {
    for (size_t i = segment.first; i < segment.last; ++i) {
      const model::Parameter& parameter = model_->parameters()[i];
      const int64_t at = segment.moments + parameter.offset - segment.offset;
      all.push_back({&parameter, m_.floats() + at, v_.floats() + at});
    }
  }
  return all;
}

uint64_t Optimizer::trainable_elements() const {
  uint64_t total = 0;
  for (const Moments& moments : moments()) total += static_cast<uint64_t>(moments.parameter->elements);
  return total;
}

uint64_t Optimizer::bytes() const { return gradients_.bytes() + m_.bytes() + v_.bytes(); }

}  // namespace belle::train
