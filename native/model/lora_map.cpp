// add_adapters: which matrices of a WeightMap a LoraConfig means, and where their adapters lie.
#include <algorithm>
#include <string_view>

#include "native/model/weight_map.h"

namespace belle::model {
namespace {

constexpr std::string_view kWeight = ".weight";

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

std::string module_of(const Parameter& parameter) {
  return parameter.name.substr(0, parameter.name.size() - kWeight.size());
}
std::string leaf_of(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// One matrix in memory and the linear layers that are its rows.
struct Matrix {
  LoraGroup* group;
  int64_t offset, rows, in;
  std::vector<size_t> modules;  // indexes of parameters, by row
};

std::vector<Matrix> matrices(const DecoderConfig& c, WeightMap& map) {
  const int64_t d = c.hidden_size, ff = c.intermediate_size, heads = c.num_attention_heads * c.head_dim,
                qkv = heads + 2 * c.num_key_value_heads * c.head_dim;
  std::vector<Matrix> all;
  for (size_t i = 0; i < map.layers.size(); ++i) {
    const LayerOffsets& at = map.layers[i];
    LoraLayer& lora = map.lora[i];
    all.push_back({&lora.qkv, at.qkv, qkv, d, {}});
    all.push_back({&lora.attention_out, at.attention_out, d, heads, {}});
    all.push_back({&lora.expand, at.expand, c.gelu() ? ff : 2 * ff, d, {}});
    all.push_back({&lora.down, at.down, d, ff, {}});
  }
  std::vector<size_t> order;  // what lies back to back follows one another in parameters, too
  for (size_t i = 0; i < map.parameters.size(); ++i) {
    if (map.parameters[i].shape.size() == 2 && !map.parameters[i].embedding) order.push_back(i);
  }
  auto next = order.begin();
  for (Matrix& matrix : all) {
    const int64_t end = matrix.offset + matrix.rows * matrix.in;
    while (next != order.end() && map.parameters[*next].offset < end) matrix.modules.push_back(*next++);
  }
  return all;
}

// The names without their layers: q_proj, k_proj, ...
std::vector<std::string> linear_names(const WeightMap& map, const std::vector<Matrix>& all) {
  std::vector<std::string> names;
  for (const Matrix& matrix : all) {
    for (const size_t index : matrix.modules) {
      std::string name = leaf_of(module_of(map.parameters[index]));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " and ") + names[i];
  return text;
}

bool any_names(const std::vector<std::string>& names, const std::string& module) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return names_module(name, module); });
}

std::vector<std::string> embedding_modules(const WeightMap& map) {
  std::vector<std::string> modules;
  for (const Parameter& parameter : map.parameters) {
    if (parameter.embedding) modules.push_back(module_of(parameter));
  }
  if (modules.size() == 1) modules.emplace_back("lm_head");  // tied
  return modules;
}

Status check_targets(const WeightMap& map, const std::vector<Matrix>& all,
                     const std::vector<std::string>& targets, bool every_target) {
  bool found = false;
  for (const std::string& target : targets) {
    for (const std::string& module : embedding_modules(map)) {
      if (!names_module(target, module)) continue;
      return invalid("target_modules names " + target +
                     ", but adapters are for the linear layers of the blocks; to train the embeddings beside "
                     "them, name them in modules_to_save");
    }
    bool fits = false;
    for (const Matrix& matrix : all) {
      for (const size_t index : matrix.modules)
        fits |= names_module(target, module_of(map.parameters[index]));
    }
    found |= fits;
    if (fits || !every_target) continue;
    return invalid("target_modules names " + target +
                   ", which the model does not have; its linear layers are " +
                   listed(linear_names(map, all)));
  }
  if (found) return {};
  return invalid("target_modules names none of the model's linear layers, which are " +
                 listed(linear_names(map, all)));
}

Status check_modules_to_save(const WeightMap& map, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  const std::vector<std::string> modules = embedding_modules(map);
  for (const std::string& name : names) {
    if (std::any_of(modules.begin(), modules.end(),
                    [&](const std::string& module) { return names_module(name, module); })) {
      continue;
    }
    return invalid("modules_to_save names " + name +
                   "; only the embeddings can be trained beside adapters, " + leaf_of(modules[0]) + " and " +
                   leaf_of(modules[1]));
  }
  const bool tied = map.head == map.embedding;
  if (tied || (any_names(names, modules[0]) && any_names(names, modules[1]))) return {};
  return invalid("modules_to_save must name both " + leaf_of(modules[0]) + " and " + leaf_of(modules[1]) +
                 ", or neither: they are trained together");
}

class Appender {
 public:
  Appender(const LoraConfig& lora, WeightMap& map) : lora_(lora), map_(map) {}

  void add(const Matrix& matrix) {
    LoraGroup& group = *matrix.group;
    std::vector<std::string> modules;
    align();
    group.a = map_.elements;
    group.in = matrix.in;
    group.width = matrix.rows;
    for (const size_t index : matrix.modules) {
      const Parameter& of = map_.parameters[index];
      const std::string module = module_of(of);
      if (!any_names(lora_.target_modules, module)) continue;
      const int64_t r = lora_.rank_of(module);
      group.sites.push_back({.weight = of.offset,
                             .b = -1,
                             .r = r,
                             .row = group.rank,
                             .column = (of.offset - matrix.offset) / matrix.in,
                             .out = of.shape[0],
                             .scale = static_cast<float>(lora_.scale_of(module))});
      group.rank += r;
      place(module + ".lora_A.weight", r, matrix.in);
      modules.push_back(module);
    }
    for (size_t i = 0; i < modules.size(); ++i) {
      LoraSite& site = group.sites[i];
      align();
      site.b = place(modules[i] + ".lora_B.weight", site.out, site.r);
    }
    map_.lora_rank = std::max(map_.lora_rank, group.rank);
  }

 private:
  void align() {
    map_.elements = (map_.elements + kParameterAlignment - 1) / kParameterAlignment * kParameterAlignment;
  }
  int64_t place(const std::string& name, int64_t rows, int64_t columns) {
    const int64_t offset = map_.elements;
    map_.elements += rows * columns;
    map_.parameters.push_back({std::string("base_model.model.").append(name),
                               {rows, columns},
                               offset,
                               rows * columns,
                               false,
                               true});
    return offset;
  }
  const LoraConfig& lora_;
  WeightMap& map_;
};

}  // namespace

Result<LoraConfig> add_adapters(const DecoderConfig& config, const LoraConfig& lora, bool every_target,
                                WeightMap* map) {
  BELLE_TRY(check_lora_config(lora));
  const std::vector<Matrix> all = matrices(config, *map);
  LoraConfig made = lora;
  made.seed = 0;  // no part of what is kept
  if (lora.target_modules == std::vector<std::string>{kAllLinear})
    made.target_modules = linear_names(*map, all);
  BELLE_TRY(check_targets(*map, all, made.target_modules, every_target));
  BELLE_TRY(check_modules_to_save(*map, lora.modules_to_save));
  if (!lora.modules_to_save.empty()) {
    map->embeddings_adapted = true;
    made.modules_to_save.clear();
    for (const std::string& module : embedding_modules(*map)) made.modules_to_save.push_back(leaf_of(module));
  }
  Appender append(made, *map);
  for (const Matrix& matrix : all) append.add(matrix);
  return made;
}

}  // namespace belle::model
