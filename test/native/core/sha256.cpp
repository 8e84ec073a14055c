#include "native/core/sha256.h"

#include <vector>

#include "test/native/check.h"

using namespace belle;

// FIPS 180-4 example values, by both code paths.
TEST("sha256: published vectors") {
  for (const bool portable : {false, true}) {
    const auto hash = [&](const std::string& text) {
      Sha256 sha(portable);
      sha.update(text.data(), text.size());
      return sha.hex();
    };
    CHECK_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_EQ(hash(std::string(1000000, 'a')),
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST("sha256: any split and any length gives the portable result") {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 11);
  for (size_t length = 0; length <= bytes.size(); ++length) {
    Sha256 whole(true), pieces;
    whole.update(bytes.data(), length);
    for (size_t at = 0, step = 1; at < length; at += step, step = step * 2 + 1) {
      pieces.update(bytes.data() + at, std::min(step, length - at));
    }
    CHECK_EQ(pieces.hex(), whole.hex());
  }
}
