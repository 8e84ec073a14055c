#include "native/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "native/core/checked.h"
#include "native/core/mapped_file.h"
#include "native/core/span_reader.h"
#include "native/core/utf8.h"

namespace belle::io {

namespace {

// Limits of research/reliability.md §2.1; 100,000,000 bytes is the reference's own header cap.
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxTensors = 100'000, kMaxName = 512, kMaxRank = 8;
constexpr int64_t kMaxDimension = int64_t{1} << 40;

constexpr struct {
  std::string_view name;
  DType dtype;
} kDTypes[] = {{"F32", DType::f32}, {"BF16", DType::bf16}, {"F16", DType::f16}, {"I16", DType::i16},
               {"I32", DType::i32}, {"I64", DType::i64},   {"U8", DType::u8}};

std::optional<DType> dtype_of(std::string_view name) {
  for (const auto& known : kDTypes) {
    if (known.name == name) return known.dtype;
  }
  return std::nullopt;
}

struct Header {
  std::vector<TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

class HeaderReader {
 public:
  HeaderReader(std::span<const uint8_t> bytes, const std::string& label) : bytes_(bytes), label_(label) {}

  Result<Header> read() {
    SpanReader reader(bytes_);
    uint64_t length = 0;
    if (!reader.read(&length))
      return bad("has " + number(bytes_.size()) + " bytes, too few for a safetensors file");
    if (length > kMaxHeader)
      return bad("states a header of " + number(length) + " bytes; the limit is 100000000");
    std::span<const uint8_t> header;
    if (!reader.take(length, &header)) {
      return bad("states a header of " + number(length) + " bytes but only " + number(reader.remaining()) +
                 " follow: the file is cut short, or not a safetensors file");
    }
    data_ = bytes_.subspan(reader.offset());
    std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
    if (!text.starts_with('{')) return bad("its header does not start with '{': not a safetensors file");
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    if (!text.ends_with('}')) return bad("its header does not end with '}' and spaces");
    auto parsed = parse_json(text, {.max_depth = 4, .max_bytes = kMaxHeader});
    if (!parsed.ok()) return bad("header: " + parsed.status().message());
    const Json::Object& entries = *parsed.value().object();
    if (entries.size() > kMaxTensors)
      return bad("lists " + number(entries.size()) + " tensors; the limit is 100000");
    Header out;
    for (const auto& [name, entry] : entries) {
      if (name == "__metadata__") {
        BELLE_TRY(read_metadata(entry, &out.metadata));
      } else {
        BELLE_TRY(read_tensor(name, entry, &out.tensors));
      }
    }
    BELLE_TRY(check_layout(&out.tensors));
    return out;
  }

 private:
  static std::string number(uint64_t value) { return std::to_string(value); }
  // A sentence that does not say how to mend the file gets the usual way.
  Status bad(const std::string& what) const {
    const bool mends = what.find(';') != what.npos;
    return Status(StatusCode::invalid_data,
                  label_ + ": " + what + (mends ? "" : "; download or copy it again"));
  }
  Status bad_tensor(const std::string& name, const std::string& what) const {
    return bad("tensor \"" + printable(name) + "\" " + what);
  }

  Status read_metadata(const Json& entry, std::map<std::string, std::string>* out) const {
    if (!entry.object()) return bad("__metadata__ is not an object");
    for (const auto& [key, value] : *entry.object()) {
      if (!value.string()) return bad("__metadata__ \"" + printable(key) + "\" is not a string");
      out->emplace(key, *value.string());
    }
    return {};
  }

  Status read_tensor(const std::string& name, const Json& entry, std::vector<TensorView>* out) const {
    if (name.empty() || name.size() > kMaxName)
      return bad_tensor(name, "has a name of 0 or more than 512 bytes");
    for (const char c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        return bad_tensor(name, "has a control character in its name");
      }
    }
    if (!entry.object()) return bad_tensor(name, "is not described by an object");
    for (const auto& [key, value] : *entry.object()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        return bad_tensor(name, "has the unknown field \"" + printable(key) + "\"");
      }
    }
    TensorView view;
    view.name = name;
    BELLE_TRY(read_dtype(entry.find("dtype"), &view));
    uint64_t size = 0;
    BELLE_TRY(read_shape(entry.find("shape"), &view, &size));
    BELLE_TRY(read_offsets(entry.find("data_offsets"), size, &view));
    out->push_back(std::move(view));
    return {};
  }

  Status read_dtype(const Json* field, TensorView* view) const {
    if (!field || !field->string()) return bad_tensor(view->name, "has no dtype");
    const auto dtype = dtype_of(*field->string());
    if (!dtype) {
      return Status(StatusCode::unsupported,
                    label_ + ": tensor \"" + printable(view->name) + "\" has dtype " +
                        printable(*field->string()) +
                        "; convert the file to F32, BF16 or F16 (I16, I32, I64 and U8 are read too)");
    }
    view->dtype = *dtype;
    return {};
  }

  Status read_shape(const Json* field, TensorView* view, uint64_t* size) const {
    if (!field || !field->array()) return bad_tensor(view->name, "has no shape");
    if (field->array()->size() > kMaxRank) return bad_tensor(view->name, "has more than 8 dimensions");
    *size = dtype_size(view->dtype);
    for (const Json& dimension : *field->array()) {
      const int64_t* value = dimension.integer();
      if (!value || *value < 0 || *value > kMaxDimension) {
        return bad_tensor(view->name, "has a dimension that is not a whole number from 0 to 2^40");
      }
      if (!checked_mul(*size, static_cast<uint64_t>(*value), size)) {
        return bad_tensor(view->name, "has a shape whose size overflows 64 bits");
      }
      view->shape.push_back(*value);
    }
    return {};
  }

  Status read_offsets(const Json* field, uint64_t size, TensorView* view) const {
    const Json::Array* pair = field ? field->array() : nullptr;
    if (!pair || pair->size() != 2 || !(*pair)[0].integer() || !(*pair)[1].integer()) {
      return bad_tensor(view->name, "has no data_offsets of two whole numbers");
    }
    const int64_t begin = *(*pair)[0].integer(), end = *(*pair)[1].integer();
    if (begin < 0 || end < begin) {
      return bad_tensor(view->name, "has data_offsets that are negative or end before they begin");
    }
    if (static_cast<uint64_t>(end) > data_.size()) {
      return bad_tensor(view->name, "ends at data byte " + number(static_cast<uint64_t>(end)) +
                                        " but the file holds " + number(data_.size()) +
                                        ": the file is cut short; download or copy it again");
    }
    if (static_cast<uint64_t>(end - begin) != size) {
      return bad_tensor(view->name, "has " + number(static_cast<uint64_t>(end - begin)) +
                                        " bytes where its dtype and shape need " + number(size));
    }
    view->bytes = data_.subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    return {};
  }

  // Sorted by place, the tensors must tile the data: no hole, no overlap, nothing behind the last.
  Status check_layout(std::vector<TensorView>* tensors) const {
    const auto begin = [&](const TensorView& view) {
      return static_cast<size_t>(view.bytes.data() - data_.data());
    };
    std::stable_sort(tensors->begin(), tensors->end(), [&](const TensorView& a, const TensorView& b) {
      return std::pair(begin(a), a.bytes.size()) < std::pair(begin(b), b.bytes.size());
    });
    size_t at = 0;
    for (const TensorView& view : *tensors) {
      if (begin(view) != at) {
        return bad_tensor(view.name, "begins at data byte " + number(begin(view)) + " where byte " +
                                         number(at) + " is due: tensors overlap or leave a hole");
      }
      at += view.bytes.size();
    }
    if (at != data_.size()) {
      return bad("holds " + number(data_.size() - at) + " bytes that belong to no tensor");
    }
    return {};
  }

  std::span<const uint8_t> bytes_, data_;
  const std::string& label_;
};

}  // namespace

int64_t TensorView::elements() const { return static_cast<int64_t>(bytes.size() / dtype_size(dtype)); }

struct SafetensorsFile::State {
  std::optional<MappedFile> file;
  Header header;
  std::map<std::string, size_t> places;  // a tree: names come from the file
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const uint8_t> bytes, std::string label) {
  auto state = std::make_unique<State>();
  BELLE_ASSIGN(state->header, HeaderReader(bytes, label).read());
  for (size_t i = 0; i < state->header.tensors.size(); ++i)
    state->places.emplace(state->header.tensors[i].name, i);
  return SafetensorsFile(std::move(state));
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  BELLE_ASSIGN(MappedFile file, MappedFile::open(path));
  BELLE_ASSIGN(SafetensorsFile parsed, parse(file.bytes(), path));
  parsed.state_->file = std::move(file);  // the views point into the map, which does not move
  return parsed;
}

const std::vector<TensorView>& SafetensorsFile::tensors() const { return state_->header.tensors; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return state_->header.metadata;
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto place = state_->places.find(name);
  return place == state_->places.end() ? nullptr : &state_->header.tensors[place->second];
}

Status to_float32(const TensorView& view, float* out) {
  const uint8_t* from = view.bytes.data();
  const auto count = static_cast<size_t>(view.elements());
  const auto widen = [&](float (*convert)(uint16_t)) {
    for (size_t i = 0; i < count; ++i) {
      uint16_t half;
      std::memcpy(&half, from + 2 * i, 2);
      out[i] = convert(half);
    }
  };
  switch (view.dtype) {
    case DType::f32:
      if (count > 0) std::memcpy(out, from, 4 * count);
      return {};
    case DType::bf16:
      widen(bf16_to_f32);
      return {};
    case DType::f16:
      widen(f16_to_f32);
      return {};
    default:
      return Status(StatusCode::invalid_data, "tensor \"" + printable(view.name) + "\" holds " +
                                                  std::string(dtype_name(view.dtype)) +
                                                  " where a floating-point dtype is needed");
  }
}

}  // namespace belle::io
