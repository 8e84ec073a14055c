#include "native/tokenizer/json/tokenizer_json_parts.h"

#include <algorithm>
#include <functional>

#include "native/core/json.h"
#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kMaxPartBytes = 4u << 20;

// One object of a part, with the errors that name it.
class Item {
 public:
  Item(const char* part, const Json& json) : part_(part), json_(json) {
    if (const Json* type = json.find("type"); type && type->string()) type_ = *type->string();
  }
  const std::string& type() const { return type_; }
  const Json* find(const char* key) const { return json_.find(key); }
  std::string name() const {
    return std::string(part_) + " " + (type_.empty() ? "without type" : printable(type_));
  }
  Status broken(const std::string& what) const {
    return Status(StatusCode::invalid_data, "tokenizer.json: " + name() + ": " + what);
  }
  Status unsupported(const std::string& what) const {
    return Status(StatusCode::unsupported, "tokenizer.json: " + name() + " " + what);
  }
  Status text(const char* key, std::string* out) const {
    const Json* value = find(key);
    if (!value || !value->string()) return broken(std::string("\"") + key + "\" must be a string");
    *out = *value->string();
    return {};
  }
  Status flag(const char* key, bool* out) const {
    const Json* value = find(key);
    if (!value || !value->boolean()) return broken(std::string("\"") + key + "\" must be true or false");
    *out = *value->boolean();
    return {};
  }
  Status one_character(const char* key, std::string* out) const {
    BELLE_TRY(text(key, out));
    if (out->empty() || decode_utf8(*out).length != out->size())
      return broken(std::string("\"") + key + "\" must be one character");
    return {};
  }
  // {"String": ...} or {"Regex": ...}
  Status pattern(std::string* literal, std::string* regex) const {
    const Json* value = find("pattern");
    const Json* string = value ? value->find("String") : nullptr;
    const Json* expression = value ? value->find("Regex") : nullptr;
    if (string && string->string() && !string->string()->empty()) {
      *literal = *string->string();
    } else if (expression && expression->string() && !expression->string()->empty()) {
      *regex = *expression->string();
    } else {
      return broken("\"pattern\" must be {\"String\": text} or {\"Regex\": text}, not empty");
    }
    return {};
  }

 private:
  const char* part_;
  const Json& json_;
  std::string type_;
};

// Calls use for the one item of a part, or for each of its Sequence; a Sequence inside a Sequence is
// flattened.
Status each_item(const char* part, const char* list_key, std::string_view text,
                 const std::function<Status(const Item&)>& use) {
  JsonLimits limits;
  limits.max_bytes = kMaxPartBytes;
  const auto parsed = parse_json(text, limits);
  if (!parsed.ok())
    return Status(parsed.status().code(),
                  std::string("tokenizer.json: ") + part + ": " + parsed.status().message());
  if (parsed.value().is_null()) return {};
  size_t used = 0;
  std::vector<const Json*> waiting{&parsed.value()};
  while (!waiting.empty()) {
    const Json& json = *waiting.back();
    waiting.pop_back();
    if (!json.object())
      return Status(StatusCode::invalid_data,
                    std::string("tokenizer.json: ") + part + " must be null or an object");
    const Item item(part, json);
    if (item.type() != "Sequence") {
      if (++used > TokenizerJson::kMaxSteps)
        return Status(StatusCode::unsupported, std::string("tokenizer.json: ") + part + " has more than " +
                                                   std::to_string(TokenizerJson::kMaxSteps) + " steps");
      BELLE_TRY(use(item));
      continue;
    }
    const Json* list = item.find(list_key);
    if (!list || !list->array()) return item.broken(std::string("\"") + list_key + "\" must be an array");
    for (size_t i = list->array()->size(); i-- > 0;) waiting.push_back(&(*list->array())[i]);
  }
  return {};
}

Status parse_split(const Item& item, PreTokenizerStep* step) {
  std::string literal, regex, behavior;
  BELLE_TRY(item.pattern(&literal, &regex));
  BELLE_TRY(item.text("behavior", &behavior));
  BELLE_TRY(item.flag("invert", &step->invert));
  static constexpr std::string_view kBehaviors[] = {"Removed", "Isolated", "MergedWithPrevious",
                                                    "MergedWithNext", "Contiguous"};
  const auto* known = std::find(std::begin(kBehaviors), std::end(kBehaviors), behavior);
  if (known == std::end(kBehaviors)) return item.broken("unknown behavior \"" + printable(behavior) + "\"");
  step->behavior = static_cast<SplitBehavior>(known - std::begin(kBehaviors));
  step->pattern = literal;
  step->kind = PreTokenizerStep::Kind::split_literal;
  if (!literal.empty()) return {};
  const auto rules = split_rules_by_pattern(regex);
  if (!rules)
    return item.unsupported("with the regular expression \"" + printable(regex) +
                            "\" is not supported; known are those of " + split_rules_names());
  step->kind = PreTokenizerStep::Kind::split_rules;
  step->rules = *rules;
  return {};
}

// prepend_scheme, or add_prefix_space in older files; both must agree.
Status parse_metaspace(const Item& item, std::string* replacement, PrependScheme* scheme, bool* split) {
  BELLE_TRY(item.one_character("replacement", replacement));
  *scheme = PrependScheme::always;
  *split = true;
  if (item.find("split")) BELLE_TRY(item.flag("split", split));
  if (item.find("prepend_scheme")) {
    std::string name;
    BELLE_TRY(item.text("prepend_scheme", &name));
    if (name == "first")
      *scheme = PrependScheme::first;
    else if (name == "never")
      *scheme = PrependScheme::never;
    else if (name != "always")
      return item.broken("unknown prepend_scheme \"" + printable(name) + "\"");
  }
  if (item.find("add_prefix_space")) {
    bool add = false;
    BELLE_TRY(item.flag("add_prefix_space", &add));
    if (add == (*scheme == PrependScheme::never))
      return item.broken("add_prefix_space contradicts prepend_scheme");
  }
  return {};
}

Status parse_byte_level(const Item& item, PreTokenizerStep* step) {
  step->kind = PreTokenizerStep::Kind::byte_level;
  step->use_regex = true;
  BELLE_TRY(item.flag("add_prefix_space", &step->add_prefix_space));
  if (item.find("use_regex")) BELLE_TRY(item.flag("use_regex", &step->use_regex));
  return {};
}

Status parse_strip(const Item& item, DecoderStep* step) {
  BELLE_TRY(item.one_character("content", &step->pattern));
  for (const auto& [key, count] : {std::pair{"start", &step->start}, std::pair{"stop", &step->stop}}) {
    const Json* value = item.find(key);
    if (!value || !value->integer() || *value->integer() < 0 || *value->integer() > TokenizerJson::kMaxStrip)
      return item.broken(std::string("\"") + key + "\" must be a number of characters from 0 to " +
                         std::to_string(TokenizerJson::kMaxStrip));
    *count = static_cast<uint32_t>(*value->integer());
  }
  return {};
}

// The ids of a template's special token.
Status template_ids(const Item& item, const std::string& name, std::vector<int32_t>* out) {
  const Json* tokens = item.find("special_tokens");
  const Json* token = tokens ? tokens->find(name) : nullptr;
  const Json* ids = token ? token->find("ids") : nullptr;
  if (!ids || !ids->array())
    return item.broken("special_tokens does not give the ids of \"" + printable(name) + "\"");
  for (const Json& id : *ids->array()) {
    if (!id.integer() || *id.integer() < 0 || *id.integer() > JsonVocabulary::kMaxId)
      return item.broken("special_tokens gives \"" + printable(name) + "\" an id outside 0.." +
                         std::to_string(JsonVocabulary::kMaxId));
    out->push_back(static_cast<int32_t>(*id.integer()));
  }
  if (out->size() > TokenizerJson::kMaxSteps)
    return item.unsupported("puts more than " + std::to_string(TokenizerJson::kMaxSteps) +
                            " ids around a text");
  return {};
}

Status parse_template(const Item& item, TokenizerJson* out) {
  const Json* single = item.find("single");
  if (!single || !single->array()) return item.broken("\"single\" must be an array of pieces");
  out->template_prefix.clear();
  out->template_suffix.clear();
  bool after = false;
  for (const Json& piece : *single->array()) {
    if (piece.find("Sequence")) {
      after = true;
      continue;
    }
    const Json* special = piece.find("SpecialToken");
    const Json* id = special ? special->find("id") : nullptr;
    if (!id || !id->string())
      return item.broken("a piece of \"single\" is neither a Sequence nor a SpecialToken");
    BELLE_TRY(template_ids(item, *id->string(), after ? &out->template_suffix : &out->template_prefix));
  }
  return {};
}

}  // namespace

Status parse_normalizer(std::string_view text, TokenizerJson* out) {
  return each_item("normalizer", "normalizers", text, [&](const Item& item) -> Status {
    NormalizerStep step;
    if (item.type() == "Prepend") {
      step.kind = NormalizerStep::Kind::prepend;
      BELLE_TRY(item.text("prepend", &step.content));
      if (step.content.empty()) return {};
    } else if (item.type() == "Replace") {
      std::string regex;
      step.kind = NormalizerStep::Kind::replace;
      BELLE_TRY(item.pattern(&step.pattern, &regex));
      BELLE_TRY(item.text("content", &step.content));
      if (!regex.empty())
        return item.unsupported("with the regular expression \"" + printable(regex) +
                                "\" is not supported, only a literal {\"String\": text}");
    } else {
      return item.unsupported(
          "is not supported; Prepend and Replace are. Normalise the text beforehand and set "
          "\"normalizer\" to null, or use the model's sentencepiece file if it has one");
    }
    out->normalizer.push_back(std::move(step));
    return {};
  });
}

Status parse_pre_tokenizer(std::string_view text, TokenizerJson* out) {
  return each_item("pre_tokenizer", "pretokenizers", text, [&](const Item& item) -> Status {
    PreTokenizerStep step;
    if (out->byte_level())
      return item.unsupported("after ByteLevel is not supported; ByteLevel must be the last step");
    if (item.type() == "ByteLevel") {
      BELLE_TRY(parse_byte_level(item, &step));
    } else if (item.type() == "Split") {
      BELLE_TRY(parse_split(item, &step));
    } else if (item.type() == "Metaspace") {
      step.kind = PreTokenizerStep::Kind::metaspace;
      BELLE_TRY(parse_metaspace(item, &step.replacement, &step.prepend_scheme, &step.split));
    } else {
      return item.unsupported("is not supported; ByteLevel, Metaspace, Split and Sequence are");
    }
    out->pre_tokenizer.push_back(std::move(step));
    return {};
  });
}

Status parse_decoder(std::string_view text, TokenizerJson* out) {
  out->has_decoder = text != "null";
  size_t growth = 1;
  return each_item("decoder", "decoders", text, [&](const Item& item) -> Status {
    DecoderStep step;
    if (item.type() == "ByteLevel") {
      step.kind = DecoderStep::Kind::byte_level;
    } else if (item.type() == "ByteFallback") {
      step.kind = DecoderStep::Kind::byte_fallback;
    } else if (item.type() == "Fuse") {
      step.kind = DecoderStep::Kind::fuse;
    } else if (item.type() == "Strip") {
      step.kind = DecoderStep::Kind::strip;
      BELLE_TRY(parse_strip(item, &step));
    } else if (item.type() == "Replace") {
      std::string regex;
      step.kind = DecoderStep::Kind::replace;
      BELLE_TRY(item.pattern(&step.pattern, &regex));
      BELLE_TRY(item.text("content", &step.content));
      if (!regex.empty())
        return item.unsupported(
            "with a regular expression is not supported, only a literal {\"String\": text}");
      // Decoding has no room for an error, so that no text can grow without end is seen to here.
      growth *= std::max<size_t>(1, (step.content.size() + step.pattern.size() - 1) / step.pattern.size());
      if (growth > TokenizerJson::kMaxDecoderGrowth)
        return item.unsupported("lets a text grow more than " +
                                std::to_string(TokenizerJson::kMaxDecoderGrowth) +
                                "-fold, together with those before it; take it out");
    } else if (item.type() == "Metaspace") {
      step.kind = DecoderStep::Kind::metaspace;
      PrependScheme scheme;
      bool split = false;
      BELLE_TRY(parse_metaspace(item, &step.pattern, &scheme, &split));
      step.strip_first = scheme != PrependScheme::never;
    } else {
      return item.unsupported(
          "is not supported; ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace and Sequence are");
    }
    out->decoder.push_back(std::move(step));
    return {};
  });
}

Status parse_post_processor(std::string_view text, TokenizerJson* out) {
  return each_item("post_processor", "processors", text, [&](const Item& item) -> Status {
    if (item.type() == "TemplateProcessing") return parse_template(item, out);
    if (item.type() == "ByteLevel") return {};  // trims offsets only
    return item.unsupported("is not supported; TemplateProcessing, ByteLevel and Sequence are");
  });
}

}  // namespace belle::tokenizer
