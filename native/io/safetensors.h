#pragma once
// safetensors (huggingface/safetensors): a strict reader over memory maps, single file or sharded with an
// index, and a writer. Stricter than the reference: no duplicate names, no holes, no unknown fields, names <=
// 512 bytes without control characters, rank <= 8, header <= 100 MB, padding by 0x20 only, index shard names
// are plain file names.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "native/core/dtype.h"
#include "native/core/status.h"
#include "native/io/commit.h"

namespace belle::io {

struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;  // lives as long as the file object
  int64_t elements() const;
};

class SafetensorsFile {  // one file
 public:
  static Result<SafetensorsFile> open(const std::string& path);
  // Over bytes already in memory (tests, fuzzing).
  static Result<SafetensorsFile> parse(std::span<const uint8_t> bytes, std::string label);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();
  const std::vector<TensorView>& tensors() const;  // in file order
  const TensorView* find(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct State;
  explicit SafetensorsFile(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// The weights of a Hugging Face folder: model.safetensors, or model.safetensors.index.json + its shards.
class SafetensorsFolder {
 public:
  static Result<SafetensorsFolder> open(const std::string& folder);
  SafetensorsFolder(SafetensorsFolder&&) noexcept;
  ~SafetensorsFolder();
  const TensorView* find(const std::string& name) const;
  std::vector<std::string> names() const;  // sorted

 private:
  struct State;
  explicit SafetensorsFolder(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// Reads a tensor into float32, converting from f32, bf16 or f16. `out` has elements() room.
Status to_float32(const TensorView& view, float* out);

struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;  // dtype in the file; bytes() must yield it
  std::vector<int64_t> shape;
  // Called once, in file order, to stream the tensor's bytes in pieces to `sink`.
  std::function<Status(const std::function<Status(const void*, size_t)>& sink)> write;
};

// Writes `<folder>/model.safetensors`, or shards of at most max_shard_bytes with an index, all inside a
// folder that a DirectoryCommit owns. Returns the records of every file written. metadata {"format":"pt"} is
// always set.
Result<std::vector<FileRecord>> write_safetensors_folder(const std::string& folder,
                                                         const std::vector<TensorToWrite>& tensors,
                                                         uint64_t max_shard_bytes);
// One file at `path`, committed. Wider dtypes come first, so that every tensor is aligned to its element.
Result<FileRecord> write_safetensors_file(const std::string& path, const std::vector<TensorToWrite>& tensors,
                                          const std::map<std::string, std::string>& metadata);

}  // namespace belle::io
