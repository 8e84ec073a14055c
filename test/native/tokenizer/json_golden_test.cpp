// Every reference encoding of Hugging Face tokenizers 0.23.2 with a tokenizer.json in BLOOM's style.
#include "native/core/utf8.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

TEST("json golden: bloom style, ids and decoded text") {
  if (test::shared_folder().empty())
    return test::skip("the shared folder (../shared or BELLE_SHARED) is absent");
  const std::string path = test::shared_folder() + "/goldens/tokenizer/bloom-style.tokenizer.json";
  const auto tokenizer = JsonTokenizer::parse(file_bytes(path));
  const auto opened = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  CHECK_OK(opened.status());
  if (!tokenizer.ok() || !opened.ok()) return;
  const JsonTokenizer& t = *tokenizer.value();
  CHECK_EQ(t.vocab_size(), 12000);
  CHECK_EQ(t.bos_id(), 1);
  CHECK_EQ(t.eos_id(), 2);
  CHECK_EQ(t.unk_id(), 0);
  CHECK_EQ(t.pad_id(), 3);
  size_t wrong_ids = 0, wrong_text = 0, wrong_ranges = 0, wrong_stream = 0;
  const size_t rows = each_golden("encode-bloom-style.jsonl.gz", [&](const Json& row) {
    const std::string& text = *row.find("text")->string();
    std::vector<int32_t> expected, ids, again;
    std::vector<ByteRange> ranges;
    for (const Json& id : *row.find("ids")->array()) expected.push_back(static_cast<int32_t>(*id.integer()));
    CHECK_OK(t.encode(text, &ids));
    if (ids != expected && wrong_ids++ < 3) test::fail(__FILE__, __LINE__, "ids of: " + text);
    if (t.decode(expected, true) != *row.find("decoded")->string() && wrong_text++ < 3)
      test::fail(__FILE__, __LINE__, "decoded: " + t.decode(expected, true));
    CHECK_OK(t.encode_with_offsets(text, &again, &ranges));
    wrong_ranges += again != ids || ranges.size() != ids.size();
    for (size_t i = 0; i + 1 < ranges.size(); ++i) wrong_ranges += ranges[i].end < ranges[i + 1].begin;
    // Id by id: whole characters, in all the text of decode.
    const auto stream = opened.value()->decode_stream();
    std::string shown, part;
    for (const int32_t id : ids) {
      part.clear();
      stream->push(id, &part);
      wrong_stream += valid_utf8_prefix(part) != part.size();
      shown += part;
    }
    stream->finish(&shown);
    wrong_stream += shown != t.decode(ids, true);
  });
  CHECK_EQ(rows, size_t{4381});
  CHECK_EQ(wrong_ids, size_t{0});
  CHECK_EQ(wrong_text, size_t{0});
  CHECK_EQ(wrong_ranges, size_t{0});
  CHECK_EQ(wrong_stream, size_t{0});
}
