#include "native/tokenizer/fingerprint_writer.h"
#include "native/tokenizer/json/json_tokenizer_state.h"

namespace belle::tokenizer {

// Every list is preceded by its length and every text by its size, so two tokenizers never feed the
// hash the same bytes by chance.
std::string JsonTokenizer::fingerprint() const {
  const TokenizerJson& json = state_->json;
  FingerprintWriter w;
  w.raw("belle json tokenizer 1\n");
  w.number(json.vocabulary.count());
  for (int32_t id = 0; id < json.vocabulary.size(); ++id) {
    if (!json.vocabulary.has(id)) continue;
    w.number(static_cast<uint64_t>(id));
    w.text(json.vocabulary.text(id));
  }
  w.number(json.merges.size());
  for (size_t i = 0; i < json.merges.size(); ++i) {
    const RankedPair& pair = json.merges[i];
    for (const uint32_t value : {pair.left, pair.right, pair.result}) w.number(value);
    if (!json.ranks.empty()) w.number(json.ranks[i]);
  }
  for (const bool flag : {json.ranks.empty(), json.has_unk, json.byte_fallback, json.fuse_unk,
                          json.ignore_merges, json.has_decoder})
    w.number(flag);
  w.text(json.unk_token);
  w.number(json.added.size());
  for (const AddedToken& token : json.added) {
    w.number(static_cast<uint64_t>(token.id));
    w.text(token.content);
    for (const bool flag : {token.special, token.lstrip, token.rstrip, token.single_word, token.normalized})
      w.number(flag);
  }
  w.number(json.normalizer.size());
  for (const NormalizerStep& step : json.normalizer) {
    w.number(static_cast<uint64_t>(step.kind));
    w.text(step.pattern);
    w.text(step.content);
  }
  w.number(json.pre_tokenizer.size());
  for (const PreTokenizerStep& step : json.pre_tokenizer) {
    w.number(static_cast<uint64_t>(step.kind));
    w.text(split_rules_name(step.rules));
    w.text(step.pattern);
    w.text(step.replacement);
    w.number(static_cast<uint64_t>(step.behavior));
    w.number(static_cast<uint64_t>(step.prepend_scheme));
    for (const bool flag : {step.invert, step.add_prefix_space, step.use_regex, step.split}) w.number(flag);
  }
  w.number(json.decoder.size());
  for (const DecoderStep& step : json.decoder) {
    w.number(static_cast<uint64_t>(step.kind));
    w.text(step.pattern);
    w.text(step.content);
    for (const uint32_t value : {step.start, step.stop, uint32_t{step.strip_first}}) w.number(value);
  }
  return w.hex();
}

}  // namespace belle::tokenizer
