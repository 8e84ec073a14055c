// Model's adapters in memory: made, merged into the weights, forgotten.
#include "native/model/lora.h"

#include <cmath>

#include "native/core/philox.h"

namespace belle::model {
namespace {

// Values depend on the adapter's place in the list and the element.
Status initialise(const Model::State& state, const Adapters& made, uint64_t seed) {
  const Philox random(seed, RngStream::lora);
  uint32_t index = 0;
  std::vector<float> values;
  for (const LoraLayer& layer : made.map.lora) {
    for (const LoraGroup* group : {&layer.qkv, &layer.attention_out, &layer.expand, &layer.down}) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(group->in));
      for (const LoraSite& site : group->sites) {
        values.resize(static_cast<size_t>(site.r * group->in));
        for (size_t i = 0; i < values.size(); ++i) {
          values[i] = static_cast<float>((2 * random.uniform(i, index) - 1) * bound);
        }
        BELLE_TRY(write_values(*state.backend, made.address(group->a + site.row * group->in, state.dtype),
                               state.dtype, values.data(), static_cast<int64_t>(values.size())));
        ++index;
      }
    }
  }
  return {};
}

// W += scale B A
Status merge_site(const Model::State& s, const LoraGroup& group, const LoraSite& site) {
  belle_gemm_args args{};
  args.m = site.out;
  args.n = group.in;
  args.k = site.r;
  args.a = s.weight(site.b);
  args.lda = site.r;
  args.b = s.weight(group.a + site.row * group.in);
  args.ldb = group.in;
  args.c = s.weight_address(site.weight);
  args.ldc = group.in;
  args.alpha = site.scale;
  args.beta = 1;
  args.a_type = args.b_type = args.c_type = s.type();
  return backend::from_c(s.backend->gemm(s.backend->context, &args));
}

}  // namespace

Result<Adapters> make_adapters(const Model::State& state, const LoraConfig& config, bool every_target) {
  if (state.lora) {
    return Status(StatusCode::invalid_argument,
                  "the model already has an adapter; merge it with mergeAdapter, or load the model again");
  }
  Adapters made{.map = state.map, .config = {}, .memory = {}};
  BELLE_ASSIGN(made.config, add_adapters(state.config, config, every_target, &made.map));
  BELLE_ASSIGN(made.memory,
               allocate_weights(state.backend, made.map.elements - made.map.adapters, state.dtype));
  return made;
}

void install_adapters(Model::State* state, Adapters made) {
  state->workspace.reset();  // it has no room for x A^T
  state->map = std::move(made.map);
  ++state->layout;
  state->adapters = std::move(made.memory);
  state->lora = std::move(made.config);
}

Status Model::add_lora(const LoraConfig& config) {
  BELLE_ASSIGN(Adapters made, make_adapters(*state_, config, true));
  BELLE_TRY(initialise(*state_, made, config.seed));
  install_adapters(state_.get(), std::move(made));
  return {};
}

Status Model::merge_adapter() {
  BELLE_TRY(check_adapter(*state_));
  State& s = *state_;
  for (const LoraLayer& layer : s.map.lora) {
    for (const LoraGroup* group : {&layer.qkv, &layer.attention_out, &layer.expand, &layer.down}) {
      for (const LoraSite& site : group->sites) BELLE_TRY(merge_site(s, *group, site));
    }
  }
  s.workspace.reset();
  s.map = make_weight_map(s.config);
  ++s.layout;
  s.adapters = DeviceBuffer();
  s.lora.reset();
  return {};
}

Status check_adapter(const Model::State& state) {
  if (state.lora) return {};
  return {StatusCode::invalid_argument,
          "the model has no adapter; make one with addLora or load one with loadAdapter"};
}

const LoraConfig* Model::adapter() const { return state_->lora ? &*state_->lora : nullptr; }

}  // namespace belle::model
