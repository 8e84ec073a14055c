#pragma once
// Native vectors as JS typed arrays.
#include <napi.h>

#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace belle::addon {

// A copy, for small results.
template <class Array, class T>
Array copied_array(Napi::Env env, std::span<const T> values) {
  Array array = Array::New(env, values.size());
  static_assert(sizeof(*array.Data()) == sizeof(T));
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size_bytes());
  return array;
}

inline Napi::Uint32Array ids_array(Napi::Env env, std::span<const int32_t> ids) {
  return copied_array<Napi::Uint32Array>(env, ids);
}

// The vector itself as an ArrayBuffer, freed when JS drops it; a copy where the runtime forbids external
// memory (Electron).
inline Napi::ArrayBuffer take_buffer(Napi::Env env, std::vector<float> values) {
  auto owner = std::make_unique<std::vector<float>>(std::move(values));
  const size_t bytes = owner->size() * sizeof(float);
  napi_value buffer = nullptr;
  const auto free = [](napi_env, void*, void* hint) {
    const std::unique_ptr<std::vector<float>> dropped(static_cast<std::vector<float>*>(hint));
  };
  if (bytes > 0 &&
      napi_create_external_arraybuffer(env, owner->data(), bytes, free, owner.get(), &buffer) == napi_ok) {
    static_cast<void>(owner.release());
    return Napi::ArrayBuffer(env, buffer);
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(copy.Data(), owner->data(), bytes);
  return copy;
}

}  // namespace belle::addon
