#include <sys/stat.h>

#include <map>

#include "native/core/utf8.h"
#include "native/io/safetensors.h"

namespace belle::io {

static constexpr const char* kSingle = "model.safetensors";
static constexpr const char* kIndex = "model.safetensors.index.json";

struct SafetensorsFolder::State {
  std::vector<SafetensorsFile> files;
  std::map<std::string, const TensorView*> tensors;
};

SafetensorsFolder::SafetensorsFolder(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsFolder::SafetensorsFolder(SafetensorsFolder&&) noexcept = default;
SafetensorsFolder::~SafetensorsFolder() = default;

static bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<SafetensorsFolder> SafetensorsFolder::open(const std::string& folder) {
  auto state = std::make_unique<State>();
  if (exists(folder + "/" + kSingle)) {  // the one transformers prefers, too
    BELLE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(folder + "/" + kSingle));
    for (const TensorView& view : file.tensors()) state->tensors.emplace(view.name, &view);
    state->files.push_back(std::move(file));
    return SafetensorsFolder(std::move(state));
  }
  const std::string path = folder + "/" + kIndex;
  if (!exists(path)) {
    return Status(StatusCode::not_found, folder + " holds neither " + kSingle + " nor " + kIndex +
                                             "; give a Hugging Face model folder with safetensors weights");
  }
  BELLE_ASSIGN(const Json index, read_json_file(path));
  const Json* map = index.find("weight_map");
  if (!map || !map->object())
    return Status(StatusCode::invalid_data, path + ": has no \"weight_map\" object");
  std::map<std::string, size_t> opened;  // shard name -> place in files
  for (const auto& [name, value] : *map->object()) {
    const std::string* shard = value.string();
    if (!shard || !is_plain_name(*shard)) {
      return Status(StatusCode::invalid_data,
                    path + ": tensor \"" + printable(name) + "\" is said to be in " +
                        (shard ? printable(*shard) + ", which is not a plain file name" : "no file"));
    }
    const auto [place, fresh] = opened.emplace(*shard, state->files.size());
    if (fresh) {
      BELLE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(folder + "/" + *shard));
      state->files.push_back(std::move(file));
    }
    const TensorView* view = state->files[place->second].find(name);
    if (!view) {
      return Status(StatusCode::invalid_data, path + ": tensor \"" + printable(name) + "\" is not in " +
                                                  *shard + ", where the index says it is");
    }
    state->tensors.emplace(name, view);  // views live on the heap: files may move
  }
  return SafetensorsFolder(std::move(state));
}

const TensorView* SafetensorsFolder::find(const std::string& name) const {
  const auto place = state_->tensors.find(name);
  return place == state_->tensors.end() ? nullptr : place->second;
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& [name, view] : state_->tensors) names.push_back(name);
  return names;
}

}  // namespace belle::io
