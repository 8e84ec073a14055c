#include "native/io/safetensors.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "native/core/philox.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::io;

static std::string file_bytes(const std::string& header, const std::string& data, uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}
static std::string file_bytes(const std::string& header, const std::string& data) {
  return file_bytes(header, data, header.size());
}
static std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
static std::string error_of(const std::string& bytes) {
  const auto file = SafetensorsFile::parse(as_bytes(bytes), "f");
  return file.ok() ? "accepted" : file.status().message();
}
static std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                          int begin, int end) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}
static TensorToWrite floats(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
  return {name, DType::f32, std::move(shape), [values = std::move(values)](const auto& sink) {
            return sink(values.data(), values.size() * sizeof(float));
          }};
}
static std::string slurp(const std::string& path) {
  auto text = read_file(path, 1u << 30);
  CHECK_OK(text.status());
  return text.ok() ? text.take() : "";
}

TEST("safetensors: a file written is read back, aligned, with its metadata") {
  const std::string folder = test::temporary_folder();
  const std::vector<uint8_t> small{1, 2, 3};
  const std::vector<int64_t> wide{-5, 7};
  const std::vector<TensorToWrite> tensors{
      {"bytes", DType::u8, {3}, [&](const auto& sink) { return sink(small.data(), 3); }},
      floats("scalar", {}, {2.5f}),
      floats("empty", {0, 4}, {}),
      {"wide",
       DType::i64,
       {2},
       [&](const auto& sink) {
         BELLE_TRY(sink(&wide[0], 8));
         return sink(&wide[1], 8);
       }},
      floats("你好", {2, 2}, {1, 2, 3, 4})};
  const auto record =
      write_safetensors_file(folder + "/a.safetensors", tensors, {{"format", "pt"}, {"k", "\"v\""}});
  CHECK_OK(record.status());
  const std::string bytes = slurp(folder + "/a.safetensors");
  CHECK_EQ(record.value().bytes, bytes.size());
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK_EQ(header % 8, 0u);
  const auto file = SafetensorsFile::open(folder + "/a.safetensors");
  CHECK_OK(file.status());
  if (!file.ok()) return;
  CHECK_EQ(file.value().tensors().size(), 5u);
  CHECK_EQ(file.value().metadata().at("k"), "\"v\"");
  for (const TensorView& view : file.value().tensors()) {
    CHECK_EQ(reinterpret_cast<uintptr_t>(view.bytes.data()) % dtype_size(view.dtype), 0u);
  }
  const TensorView* matrix = file.value().find("你好");
  CHECK(matrix && matrix->shape == (std::vector<int64_t>{2, 2}) && matrix->elements() == 4);
  std::vector<float> values(4);
  CHECK_OK(to_float32(*matrix, values.data()));
  CHECK(values == (std::vector<float>{1, 2, 3, 4}));
  int64_t first = 0;
  std::memcpy(&first, file.value().find("wide")->bytes.data(), 8);
  CHECK_EQ(first, -5);
  CHECK_EQ(file.value().find("scalar")->elements(), 1);
  CHECK_EQ(file.value().find("empty")->elements(), 0);
  CHECK(file.value().find("none") == nullptr);
  CHECK_EQ(std::string(to_float32(*file.value().find("wide"), nullptr).message()),
           "tensor \"wide\" holds int64 where a floating-point dtype is needed");
}

TEST("safetensors: bf16 and f16 widen exactly") {
  const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000};
  std::string data(reinterpret_cast<const char*>(halves), sizeof halves);
  const std::string bytes = file_bytes("{" + tensor("h", "F16", "[10]", 0, 20) + "}", data);
  const auto file = SafetensorsFile::parse(as_bytes(bytes), "f");
  CHECK_OK(file.status());
  float out[10];
  CHECK_OK(to_float32(file.value().tensors()[0], out));
  const float expected[] = {1, -2, 0x1p-24f, 0x3ffp-24f, 0x1p-14f, 65504, INFINITY, -INFINITY};
  for (int i = 0; i < 8; ++i) CHECK_EQ(out[i], expected[i]);
  CHECK(std::isnan(out[8]) && out[9] == 0 && std::signbit(out[9]));
  const uint16_t brain[] = {0x3f80, 0xc049};
  const std::string second = file_bytes("{" + tensor("b", "BF16", "[2]", 0, 4) + "}",
                                        std::string(reinterpret_cast<const char*>(brain), 4));
  const auto other = SafetensorsFile::parse(as_bytes(second), "f");
  CHECK_OK(other.status());
  CHECK_OK(to_float32(other.value().tensors()[0], out));
  CHECK(out[0] == 1.0f && out[1] == -3.140625f);
}

TEST("safetensors: each hostile file is refused with its reason") {
  const std::string data(16, 'x');
  const std::string good = "{" + tensor("a", "F32", "[4]", 0, 16) + "}";
  CHECK_EQ(error_of(file_bytes(good, data)), "accepted");
  CHECK_EQ(error_of(file_bytes(good + "   ", data)), "accepted");
  CHECK_EQ(error_of(file_bytes("{}", "")), "accepted");
  std::string nul = "{" + tensor("a", "F32", "[4]", 0, 16) + "}";
  nul.replace(nul.find("\"a\""), 3, "\"a\\u0000\"");
  const std::pair<std::string, std::string> cases[] = {
      {"", "f: has 0 bytes, too few for a safetensors file"},
      {"1234567", "has 7 bytes, too few"},
      {file_bytes(good, data, 1000), "states a header of 1000 bytes but only"},
      {file_bytes(good, data, UINT64_MAX),
       "states a header of 18446744073709551615 bytes; the limit is 100000000"},
      {file_bytes(good, data, 100'000'001), "the limit is 100000000"},
      {file_bytes(" " + good, data), "does not start with '{'"},
      {file_bytes(good + "\n", data), "does not end with '}' and spaces"},
      {file_bytes("", data), "does not start with '{'"},
      {file_bytes("{\"a\":}", data), "f: header: invalid JSON at line 1, column 6: expected a value"},
      {file_bytes("{" + tensor("a", "F32", "[2]", 0, 8) + "," + tensor("a", "F32", "[2]", 8, 16) + "}", data),
       "duplicate key \"a\""},
      {file_bytes(good, data.substr(0, 12)), "tensor \"a\" ends at data byte 16 but the file holds 12"},
      {file_bytes(good, data + "y"), "holds 1 bytes that belong to no tensor"},
      {file_bytes("{" + tensor("a", "F32", "[3]", 4, 16) + "}", data),
       "begins at data byte 4 where byte 0 is due"},
      {file_bytes("{" + tensor("a", "F32", "[2]", 0, 8) + "," + tensor("b", "F32", "[1]", 12, 16) + "}",
                  data),
       "tensor \"b\" begins at data byte 12 where byte 8 is due: tensors overlap or leave a hole"},
      {file_bytes("{" + tensor("a", "F32", "[3]", 0, 12) + "," + tensor("b", "F32", "[2]", 8, 16) + "}",
                  data),
       "tensor \"b\" begins at data byte 8 where byte 12 is due"},
      {file_bytes("{" + tensor("a", "F32", "[3]", 0, 16) + "}", data),
       "tensor \"a\" has 16 bytes where its dtype and shape need 12"},
      {file_bytes("{" + tensor("a", "F16", "[4]", 0, 16) + "}", data), "where its dtype and shape need 8"},
      {file_bytes("{" + tensor("a", "F32", "[4]", 16, 0) + "}", data), "end before they begin"},
      {file_bytes("{" + tensor("a", "F32", "[4]", -16, 0) + "}", data), "data_offsets that are negative"},
      {file_bytes("{" + tensor("a", "F32", "[4.0]", 0, 16) + "}", data), "not a whole number from 0 to 2^40"},
      {file_bytes("{" + tensor("a", "F32", "[-4]", 0, 16) + "}", data), "not a whole number from 0 to 2^40"},
      {file_bytes("{" + tensor("a", "F32", "[9223372036854775808]", 0, 16) + "}", data), "from 0 to 2^40"},
      {file_bytes("{" + tensor("a", "F32", "[1099511627776,1099511627776]", 0, 16) + "}", data),
       "tensor \"a\" has a shape whose size overflows 64 bits"},
      {file_bytes("{" + tensor("a", "F32", "[1,1,1,1,1,1,1,1,4]", 0, 16) + "}", data),
       "more than 8 dimensions"},
      {file_bytes("{" + tensor("a", "F64", "[2]", 0, 16) + "}", data), "tensor \"a\" has dtype F64; convert"},
      {file_bytes("{" + tensor("a", "f32", "[4]", 0, 16) + "}", data), "tensor \"a\" has dtype f32; convert"},
      {file_bytes(R"({"a":{"shape":[4],"data_offsets":[0,16]}})", data), "tensor \"a\" has no dtype"},
      {file_bytes(R"({"a":{"dtype":"F32","data_offsets":[0,16]}})", data), "tensor \"a\" has no shape"},
      {file_bytes(R"({"a":{"dtype":"F32","shape":[4]}})", data), "has no data_offsets of two whole numbers"},
      {file_bytes(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8,16]}})", data),
       "has no data_offsets of two"},
      {file_bytes(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}})", data),
       "tensor \"a\" has the unknown field \"x\""},
      {file_bytes(R"({"a":[1]})", data), "tensor \"a\" is not described by an object"},
      {file_bytes(R"({"__metadata__":{"a":1}})", ""), "__metadata__ \"a\" is not a string"},
      {file_bytes(R"({"__metadata__":"a"})", ""), "__metadata__ is not an object"},
      {file_bytes(nul, data), "tensor \"a\\x00\" has a control character in its name"},
      {file_bytes("{" + tensor(std::string(513, 'n'), "F32", "[4]", 0, 16) + "}", data),
       "0 or more than 512 bytes"},
      {file_bytes("{" + tensor("", "F32", "[4]", 0, 16) + "}", data), "0 or more than 512 bytes"},
      {file_bytes("{\"a\":[[[[[]]]]]}", data), "nested deeper than 4 levels"},
  };
  for (const auto& [bytes, message] : cases) {
    const std::string error = error_of(bytes);
    if (error.find(message) == error.npos)
      test::fail(__FILE__, __LINE__, "wanted '" + message + "', got '" + error + "'");
  }
  CHECK(SafetensorsFile::parse(as_bytes(cases[24].first), "f").status().code() == StatusCode::unsupported);
}

TEST("safetensors: twenty thousand mutated files neither crash nor leave their bytes") {
  std::string data(64, 'd');
  const std::string seed =
      file_bytes(R"({"__metadata__":{"format":"pt"},)" + tensor("w.a", "F32", "[2,4]", 0, 32) + "," +
                     tensor("w.b", "BF16", "[8]", 32, 48) + "," + tensor("w.c", "I64", "[2]", 48, 64) + "}  ",
                 data);
  const Philox random(3, RngStream::test);
  int accepted = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    std::string bytes = seed;
    for (uint32_t change = 0; change <= i % 3; ++change) {
      const auto draw = random.block(i, change);
      const size_t at = draw[0] % bytes.size();
      switch (draw[1] % 6) {
        case 0:
          bytes[at] = static_cast<char>(draw[2]);
          break;
        case 1:
          bytes[at] = static_cast<char>('0' + draw[2] % 10);
          break;
        case 2:
          bytes.erase(at, 1 + draw[2] % 4);
          break;
        case 3:
          bytes.insert(at, bytes, draw[2] % bytes.size(), draw[3] % 12);
          break;
        case 4:
          bytes.resize(at);
          break;
        default:
          bytes[draw[2] % 8] = static_cast<char>(draw[3]);
          break;
      }
      if (bytes.size() < 9) bytes.resize(9);
    }
    const auto file = SafetensorsFile::parse(as_bytes(bytes), "f");
    if (!file.ok()) {
      CHECK(file.status().message().starts_with("f: "));
      continue;
    }
    ++accepted;
    const auto whole = as_bytes(bytes);
    size_t total = 0;
    for (const TensorView& view : file.value().tensors()) {
      CHECK(view.bytes.data() >= whole.data() &&
            view.bytes.data() + view.bytes.size() <= whole.data() + whole.size());
      total += view.bytes.size();
      std::vector<float> out(static_cast<size_t>(view.elements()));
      if (view.dtype == DType::f32 || view.dtype == DType::bf16 || view.dtype == DType::f16) {
        CHECK_OK(to_float32(view, out.data()));
      }
    }
    uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    CHECK_EQ(total + header + 8, bytes.size());
  }
  CHECK(accepted > 200);
}

TEST("safetensors: the writer refuses what a reader would") {
  const std::string path = test::temporary_folder() + "/a.safetensors";
  const auto error = [&](std::vector<TensorToWrite> tensors) {
    return write_safetensors_file(path, tensors, {}).status().message();
  };
  CHECK_EQ(error({floats("a", {1}, {1}), floats("a", {1}, {1})}), "two tensors are named \"a\"");
  CHECK_EQ(error({floats("a\n", {1}, {1})}), "a tensor cannot be named \"a\\x0a\"");
  CHECK_EQ(error({floats("__metadata__", {1}, {1})}), "a tensor cannot be named \"__metadata__\"");
  CHECK_EQ(error({floats("a", {-1}, {1})}), "tensor \"a\" has an impossible shape");
  CHECK_EQ(error({floats("a", {2}, {1})}), "tensor \"a\" wrote 4 bytes instead of 8");
  CHECK(
      std::filesystem::is_empty(std::filesystem::path(path).parent_path()));  // nothing half-written is left
}

TEST("safetensors folder: shards and index round-trip") {
  const std::string folder = test::temporary_folder();
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 5; ++i) {
    tensors.push_back(floats("t" + std::to_string(4 - i), {3}, {float(i), float(i) + 0.5f, -float(i)}));
  }
  const auto records = write_safetensors_folder(folder, tensors, 24);
  CHECK_OK(records.status());
  CHECK_EQ(records.value().size(), 4u);
  CHECK_EQ(records.value()[0].name, "model-00001-of-00003.safetensors");
  const auto index = read_json_file(folder + "/model.safetensors.index.json");
  CHECK_OK(index.status());
  CHECK_EQ(int64_t{*index.value().find("metadata")->find("total_size")->integer()}, 60);
  CHECK_EQ(std::string(index.value().find("weight_map")->object()->front().first), "t0");
  const auto read = SafetensorsFolder::open(folder);
  CHECK_OK(read.status());
  CHECK_EQ(read.value().names().size(), 5u);
  for (int i = 0; i < 5; ++i) {
    float out[3];
    const TensorView* view = read.value().find("t" + std::to_string(4 - i));
    CHECK(view != nullptr);
    if (view) CHECK_OK(to_float32(*view, out));
    CHECK_EQ(out[1], float(i) + 0.5f);
  }
  const std::string one = test::temporary_folder();
  CHECK_EQ(write_safetensors_folder(one, tensors, 1 << 20).value().size(), 1u);
  const auto single = SafetensorsFolder::open(one);
  CHECK_OK(single.status());
  CHECK_EQ(single.value().names(), read.value().names());
}

TEST("safetensors folder: a hostile or broken index is refused") {
  const auto error = [](const std::string& index) {
    const std::string folder = test::temporary_folder();
    CHECK_OK(write_safetensors_file(folder + "/a.safetensors", {floats("w", {1}, {1})}, {}).status());
    std::ofstream(folder + "/model.safetensors.index.json") << index;
    const auto opened = SafetensorsFolder::open(folder);
    const std::string message = opened.ok() ? "accepted" : opened.status().message();
    return message.starts_with(folder) ? message.substr(folder.size() + 1) : message;
  };
  CHECK_EQ(error(R"({"weight_map":{"w":"a.safetensors"}})"), "accepted");
  const std::string path = "model.safetensors.index.json: ";
  CHECK_EQ(error(R"({"weight_map":{"w":"../a.safetensors"}})"),
           path + "tensor \"w\" is said to be in ../a.safetensors, which is not a plain file name");
  CHECK_EQ(error(R"({"weight_map":{"w":".."}})"),
           path + "tensor \"w\" is said to be in .., which is not a plain file name");
  CHECK_EQ(error(R"({"weight_map":{"w":7}})"), path + "tensor \"w\" is said to be in no file");
  CHECK_EQ(error(R"({"weight_map":{"v":"a.safetensors"}})"),
           path + "tensor \"v\" is not in a.safetensors, where the index says it is");
  CHECK_EQ(error(R"({"weight":{}})"), path + "has no \"weight_map\" object");
  CHECK(error(R"({"weight_map":{"w":"b.safetensors"}})").find("b.safetensors: No such file") !=
        std::string::npos);
  CHECK(error("{").find("model.safetensors.index.json: invalid JSON at line 1") == 0);
  const std::string nothing = test::temporary_folder();
  CHECK_EQ(std::string(SafetensorsFolder::open(nothing).status().message()),
           nothing +
               " holds neither model.safetensors nor model.safetensors.index.json; give a Hugging Face model "
               "folder with safetensors weights");
}

TEST("safetensors: the reference library's files are read (goldens)") {
  const std::string shared = test::shared_folder();
  if (shared.empty()) return test::skip("no shared folder");
  for (const char* name : {"llama-mha", "yi-gqa", "llama-hd128", "bloom-h4", "bloom-h6"}) {
    const std::string folder = shared + "/goldens/" + name;
    const auto weights = SafetensorsFolder::open(folder);
    CHECK_OK(weights.status());
    const auto golden = SafetensorsFile::open(folder + "/golden.safetensors");
    CHECK_OK(golden.status());
    if (!weights.ok() || !golden.ok()) continue;
    for (const std::string& weight : weights.value().names())
      CHECK(golden.value().find("grad." + weight) != nullptr);
  }
}
