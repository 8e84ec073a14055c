#pragma once
// What the bench programs need of models: a config.json's shape and where it computes; a bad one ends the
// program.
#include <string>
#include <utility>

#include "bench/native/arguments.h"
#include "native/io/commit.h"
#include "native/model/model.h"

namespace belle::bench {

template <class T>
T value_of(Result<T> result) {
  if (!result.ok()) refuse(result.status().message());
  return result.take();
}

inline model::DecoderConfig read_decoder_config(const std::string& path) {
  return value_of(model::parse_decoder_config(value_of(io::read_json_file(path, uint64_t{1} << 20))));
}

// backend=, threads=, dtype=
inline model::ModelOptions model_options(Arguments& given) {
  model::ModelOptions options;
  options.backend = given.text("backend", "cpu");
  options.threads = static_cast<int>(given.number("threads", 0));
  options.dtype = given.text("dtype", "bfloat16") == "float32" ? DType::f32 : DType::bf16;
  return options;
}

}  // namespace belle::bench
