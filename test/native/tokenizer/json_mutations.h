#pragma once
// Small tokenizer.json files with everything in them, a rank file, and edits that break them or do not.
#include <string>
#include <string_view>

#include "native/core/philox.h"

namespace belle::tokenizer {

inline const std::string kByteLevelJson =
    R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<s>","single_word":false,)"
    R"("lstrip":true,"rstrip":true,"normalized":false,"special":true},{"id":9,"content":"ab ","single_word":true,)"
    R"("lstrip":false,"rstrip":false,"normalized":true,"special":false}],"normalizer":null,"pre_tokenizer":{"type":)"
    R"("Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"c"},"behavior":"MergedWithNext","invert":false},)"
    R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]},"post_processor":null,)"
    R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":null,"fuse_unk":false,"byte_fallback":false,)"
    R"("ignore_merges":true,"vocab":{"<s>":0,"a":1,"b":2,"ab":3,"\u0120":4,"\u0120a":5,"c":6,"abc":7,"\u00e4":8},)"
    R"("merges":["a b","\u0120 a","ab c"]}})";
inline const std::string kLlamaJson =
    R"({"added_tokens":[{"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":true,"normalized":true,)"
    R"("special":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace",)"
    R"("pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":)"
    R"("first","split":true},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},)"
    R"({"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}},"decoder":{"type":"Sequence","decoders":[{"type":)"
    R"("Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip",)"
    R"("content":" ","start":1,"stop":0}]},"model":{"merges":[["▁","a"],["a","b"],["▁a","b"]],"vocab":{"<unk>":0,"<s>":1,)"
    R"("<0x41>":2,"<0xE4>":3,"▁":4,"a":5,"b":6,"▁a":7,"ab":8,"▁ab":9,"你":10},"unk_token":"<unk>","fuse_unk":true,)"
    R"("byte_fallback":true}})";

// Edit number `index` of the sequence.
inline void mutate_json(std::string* text, const Philox& random, uint64_t index) {
  static constexpr std::string_view kBytes = "{}[]\",:\\0123456789u-.etn \x80\xC3\xE4\x01<>abc";
  uint32_t draw = 0;
  const auto below = [&](uint64_t limit) {
    return static_cast<size_t>(random.block(index, draw++)[0] % limit);
  };
  for (size_t edits = 1 + below(3); edits-- > 0 && !text->empty();) {
    const size_t at = below(text->size());
    switch (below(10)) {
      case 0:
        text->erase(at, 1 + below(8));
        break;
      case 1:
        text->insert(at, 1, kBytes[below(kBytes.size())]);
        break;
      case 2:
        text->resize(at);
        break;
      case 3:
        text->insert(below(text->size() + 1), text->substr(at, 1 + below(40)));
        break;
      case 4: {  // one letter or digit for another of its kind: the file stays JSON
        char& c = (*text)[at];
        if (c >= '0' && c <= '9') c = static_cast<char>('0' + below(10));
        if (c >= 'a' && c <= 'c') c = static_cast<char>('a' + below(3));
        break;
      }
      case 5: {
        const size_t flag = text->find("false", at);
        if (flag != text->npos) text->replace(flag, 5, "true");
        break;
      }
      case 6: {
        const size_t flag = text->find("true", at);
        if (flag != text->npos) text->replace(flag, 4, "false");
        break;
      }
      case 7: {
        const size_t flag = text->find("null", at);
        if (flag != text->npos) text->replace(flag, 4, below(2) ? "{}" : "\"a\"");
        break;
      }
      default:
        (*text)[at] = kBytes[below(kBytes.size())];
        break;
    }
  }
}

// All bytes and three tokens more.
inline std::string seed_ranks() {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string seed;
  for (uint32_t byte = 0; byte < 256; ++byte)
    seed += std::string{kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='} + " " + std::to_string(byte) +
            "\n";
  return seed + "YWI= 256\nYWJj 257\nIGE= 258\n";
}

// Edit number `index` of the sequence, mostly among the last tokens.
inline void mutate_ranks(std::string* text, const Philox& random, uint64_t index) {
  const auto draw = random.block(index);
  const size_t at = draw[1] % 3 == 0 ? draw[0] % text->size() : text->size() - 1 - draw[0] % 40;
  if (draw[2] % 3 == 0)
    text->erase(at, 1);
  else
    (*text)[at] = "\n =0129aYWIA\xFF"[draw[3] % 13];
}

}  // namespace belle::tokenizer
