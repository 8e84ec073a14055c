#include "native/core/mapped_file.h"

#include <fstream>

#include "test/native/check.h"

using namespace belle;

TEST("mapped file: bytes, empty file, move") {
  const std::string folder = test::temporary_folder();
  std::ofstream(folder + "/text") << "hello";
  std::ofstream(folder + "/empty");
  auto file = MappedFile::open(folder + "/text");
  CHECK_OK(file.status());
  MappedFile moved = file.take();
  CHECK_EQ(std::string(moved.bytes().begin(), moved.bytes().end()), "hello");
  CHECK_EQ(moved.path(), folder + "/text");
  auto empty = MappedFile::open(folder + "/empty");
  CHECK_OK(empty.status());
  moved = empty.take();
  CHECK_EQ(moved.bytes().size(), 0u);
}

TEST("mapped file: a missing file and a folder are named errors") {
  const std::string folder = test::temporary_folder();
  const auto missing = MappedFile::open(folder + "/none");
  CHECK(missing.status().code() == StatusCode::not_found);
  CHECK_EQ(missing.status().message(),
           "cannot read " + folder + "/none: No such file or directory; check the path");
  const auto directory = MappedFile::open(folder);
  CHECK(directory.status().code() == StatusCode::io);
  CHECK_EQ(directory.status().message(), "cannot read " + folder + ": not a regular file");
}
