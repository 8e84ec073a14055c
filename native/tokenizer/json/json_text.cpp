#include "native/tokenizer/json/json_text.h"

#include <algorithm>

#include "native/core/utf8.h"
#include "native/tokenizer/json/find_text.h"

namespace belle::tokenizer {
namespace {

bool continues(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

struct Cut {
  size_t begin, end;
  bool is_match;
};

// Every byte of the text is in one cut.
void cuts_of(const PreTokenizerStep& step, std::string_view text, std::vector<Cut>* out) {
  size_t gap = 0;
  const auto match = [&](size_t begin, size_t end) {
    if (gap < begin) out->push_back({gap, begin, step.invert});
    out->push_back({begin, end, !step.invert});
    gap = end;
  };
  if (step.kind == PreTokenizerStep::Kind::split_literal) {
    for (size_t at = 0; (at = find_text(text, step.pattern, at)) != text.npos; at += step.pattern.size())
      match(at, at + step.pattern.size());
  } else {
    for (size_t at = 0; at < text.size();) {
      const size_t end = split_word_end(step.rules, text, at);
      if (end > at) match(at, end);
      at = end > at ? end : at + decode_utf8(text.substr(at)).length;
    }
  }
  if (gap < text.size()) out->push_back({gap, text.size(), step.invert});
}

// Joins cuts as Hugging Face's SplitDelimiterBehavior says.
void behave(SplitBehavior behavior, std::vector<Cut>* cuts) {
  std::vector<Cut> joined;
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::isolated:
      return;
    case SplitBehavior::removed:
      std::erase_if(*cuts, [](const Cut& cut) { return cut.is_match; });
      return;
    case SplitBehavior::contiguous:
    case SplitBehavior::merged_with_previous:
      for (const Cut& cut : *cuts) {
        const bool joins =
            behavior == SplitBehavior::contiguous ? cut.is_match == previous : cut.is_match && !previous;
        if (joins && !joined.empty())
          joined.back().end = cut.end;
        else
          joined.push_back(cut);
        previous = cut.is_match;
      }
      break;
    case SplitBehavior::merged_with_next:
      for (size_t i = cuts->size(); i-- > 0;) {
        const Cut& cut = (*cuts)[i];
        if (cut.is_match && !previous && !joined.empty())
          joined.back().begin = cut.begin;
        else
          joined.push_back(cut);
        previous = cut.is_match;
      }
      std::reverse(joined.begin(), joined.end());
      break;
  }
  cuts->swap(joined);
}

void split(const PreTokenizerStep& step, TextPart part, std::vector<TextPart>* out) {
  std::vector<Cut> cuts;
  cuts_of(step, part.text, &cuts);
  behave(step.behavior, &cuts);
  for (const Cut& cut : cuts) out->push_back(part.slice(cut.begin, cut.end));
}

// The words of a known rule, the usual case, without a list of cuts.
void split_words(SplitRules rules, TextPart part, std::vector<TextPart>* out) {
  for_each_word(rules, part.text, [&](size_t begin, size_t end) { out->push_back(part.slice(begin, end)); });
}

}  // namespace

std::optional<SplitRules> only_split(const std::vector<PreTokenizerStep>& steps) {
  std::optional<SplitRules> rules;
  for (const PreTokenizerStep& step : steps) {
    const bool bytes = step.kind == PreTokenizerStep::Kind::byte_level;
    if (bytes && step.add_prefix_space) return std::nullopt;
    if (bytes && !step.use_regex) continue;
    const bool known =
        step.kind == PreTokenizerStep::Kind::split_rules && step.behavior == SplitBehavior::isolated;
    if (rules || !(bytes || known)) return std::nullopt;
    rules = bytes ? SplitRules::gpt2 : step.rules;
  }
  return rules;
}

ByteRange TextPart::range(size_t begin, size_t end) const {
  if (origin) return {origin[begin].begin, origin[end - 1].end};
  while (begin > 0 && continues(text[begin])) --begin;
  while (end < text.size() && continues(text[end])) ++end;
  return {base + begin, base + end};
}

void TextStage::append(Changed* changed, TextPart part, size_t begin, size_t end) const {
  changed->text.append(part.text, begin, end - begin);
  if (!with_origins_) return;
  for (size_t at = begin; at < end; ++at) changed->origin.push_back(part.range(at, at + 1));
}

Status TextStage::make_room(size_t bytes, Changed* changed) {
  if (bytes > JsonTokenizer::kMaxBytes)
    return Status(StatusCode::invalid_argument, "the text normalises to 2 GiB or more; encode it in parts");
  if (bytes > limit_ - made_)
    return Status(StatusCode::invalid_argument,
                  "the normalizer and the pre_tokenizer make over " + std::to_string(limit_) +
                      " bytes of the text; take the steps that let it grow out of tokenizer.json");
  made_ += bytes;
  changed->text.reserve(bytes);
  if (with_origins_) changed->origin.reserve(bytes);
  return {};
}

TextPart TextStage::keep(Changed changed) {
  kept_.push_back(std::move(changed));
  const Changed& kept = kept_.back();
  return {kept.text, with_origins_ ? kept.origin.data() : nullptr, 0};
}

Result<TextPart> TextStage::replace(TextPart part, std::string_view pattern, std::string_view content) {
  const size_t first = find_text(part.text, pattern);
  if (first == part.text.npos) return part;
  size_t size = part.text.size();
  for (size_t found = first; found != part.text.npos;
       found = find_text(part.text, pattern, found + pattern.size()))
    size += content.size() - pattern.size();  // may wrap on the way, and comes back
  Changed changed;
  BELLE_TRY(make_room(size, &changed));
  size_t done = 0;
  for (size_t found = first; found != part.text.npos; found = find_text(part.text, pattern, done)) {
    append(&changed, part, done, found);
    changed.text += content;
    done = found + pattern.size();
    // What replaces a match comes from the match's last character.
    if (with_origins_)
      changed.origin.insert(changed.origin.end(), content.size(), part.range(done - 1, done));
  }
  append(&changed, part, done, part.text.size());
  return keep(std::move(changed));
}

Result<TextPart> TextStage::prepend(TextPart part, std::string_view content) {
  if (part.text.empty()) return part;
  Changed changed;
  BELLE_TRY(make_room(content.size() + part.text.size(), &changed));
  changed.text = content;
  if (with_origins_) changed.origin.assign(content.size(), part.range(0, 1));
  append(&changed, part, 0, part.text.size());
  return keep(std::move(changed));
}

Result<TextPart> TextStage::normalize(const std::vector<NormalizerStep>& steps, TextPart part) {
  kept_.clear();
  for (const NormalizerStep& step : steps) {
    if (step.kind == NormalizerStep::Kind::prepend) {
      BELLE_ASSIGN(part, prepend(part, step.content));
    } else {
      BELLE_ASSIGN(part, replace(part, step.pattern, step.content));
    }
    if (kept_.size() == 2) kept_.pop_front();  // the text before the step
  }
  return part;
}

Status TextStage::metaspace(const PreTokenizerStep& step, TextPart part, std::vector<TextPart>* out) {
  const bool at_start = (part.origin ? part.origin[0].begin : part.base) == 0;
  BELLE_ASSIGN(part, replace(part, " ", step.replacement));
  const bool wanted = step.prepend_scheme == PrependScheme::always ||
                      (step.prepend_scheme == PrependScheme::first && at_start);
  if (wanted && !part.text.starts_with(step.replacement)) {
    BELLE_ASSIGN(part, prepend(part, step.replacement));
  }
  if (!step.split) {
    out->push_back(part);
    return {};
  }
  PreTokenizerStep cut;
  cut.kind = PreTokenizerStep::Kind::split_literal;
  cut.pattern = step.replacement;
  cut.behavior = SplitBehavior::merged_with_next;
  split(cut, part, out);
  return {};
}

Status TextStage::pre_tokenize(const std::vector<PreTokenizerStep>& steps, TextPart part,
                               std::vector<TextPart>* words) {
  std::vector<TextPart> parts{part}, next;
  for (const PreTokenizerStep& step : steps) {
    next.clear();
    for (TextPart each : parts) {
      if (each.text.empty()) continue;
      switch (step.kind) {
        case PreTokenizerStep::Kind::split_rules:
          if (step.behavior == SplitBehavior::isolated)
            split_words(step.rules, each, &next);
          else
            split(step, each, &next);
          break;
        case PreTokenizerStep::Kind::split_literal:
          split(step, each, &next);
          break;
        case PreTokenizerStep::Kind::byte_level:
          if (step.add_prefix_space && each.text[0] != ' ') {
            BELLE_ASSIGN(each, prepend(each, " "));
          }
          if (step.use_regex)
            split_words(SplitRules::gpt2, each, &next);
          else
            next.push_back(each);
          break;
        case PreTokenizerStep::Kind::metaspace:
          BELLE_TRY(metaspace(step, each, &next));
          break;
      }
    }
    parts.swap(next);
  }
  words->insert(words->end(), parts.begin(), parts.end());
  return {};
}

}  // namespace belle::tokenizer
