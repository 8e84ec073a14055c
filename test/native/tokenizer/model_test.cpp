// The sentencepiece model file: what comes back, what is kept, what is refused and with which words.
#include <cmath>
#include <limits>

#include "native/core/committed_file.h"
#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/protobuf_reader.h"
#include "native/tokenizer/protobuf_writer.h"
#include "native/tokenizer/sentencepiece_model.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

Status refusal(const std::string& bytes) { return parse_model(as_bytes(bytes)).status(); }

Status refusal(const SentencePieceModel& model) {
  const Status direct = check_model(model), through_bytes = refusal(serialize_model(model));
  CHECK_EQ(direct.ok(), through_bytes.ok());
  return direct;
}

SentencePieceModel abc() { return small_model({piece_of("a", -1), piece_of("b", -2), piece_of("ab", -3)}); }

}  // namespace

TEST("model: every shared model comes back byte for byte") {
  const struct {
    const char* name;
    size_t pieces;
    ModelType type;
  } models[] = {{"llama/tokenizer.model", 32000, ModelType::bpe},
                {"chinese-llama-2/tokenizer.model", 55296, ModelType::bpe},
                {"chinese-llama/chinese_sp.model", 20000, ModelType::unigram},
                {"sentencepiece/test_model.model", 1000, ModelType::unigram},
                {"sentencepiece/test_ja_model.model", 8000, ModelType::unigram}};
  for (const auto& expected : models) {
    const std::string path = shared_model(expected.name);
    if (path.empty()) return;
    const std::string bytes = file_bytes(path);
    const auto model = parse_model(as_bytes(bytes));
    CHECK_OK(model.status());
    if (!model.ok()) continue;
    CHECK_EQ(model.value().pieces.size(), expected.pieces);
    CHECK(model.value().trainer_spec.model_type == expected.type);
    CHECK(serialize_model(model.value()) == bytes);
  }
}

TEST("model: LLaMA's options and pieces") {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  const auto parsed = parse_model(as_bytes(file_bytes(path)));
  CHECK_OK(parsed.status());
  const SentencePieceModel& model = parsed.value();
  const TrainerSpec& trainer = model.trainer_spec;
  CHECK_EQ(trainer.vocab_size, 32000);
  CHECK_EQ(trainer.character_coverage, 0.99995f);
  CHECK_EQ(trainer.input_sentence_size, uint64_t{200000000});
  CHECK(trainer.split_digits && trainer.allow_whitespace_only_pieces && trainer.byte_fallback);
  CHECK_EQ(trainer.pad_id, -1);
  CHECK_EQ(model.normalizer_spec.name, "identity");
  CHECK(model.normalizer_spec.add_dummy_prefix && !model.normalizer_spec.remove_extra_whitespaces);
  CHECK_EQ(model.unk_id(), 0);
  CHECK_EQ(model.pieces[259].piece, "\xE2\x96\x81\xE2\x96\x81");
  CHECK_EQ(model.pieces[259].score, -1e9f);
  CHECK_EQ(model.pieces[31999].score, -31740.0f);
  CHECK(model.pieces[3].type == PieceType::byte);
}

TEST("model: a new model is written with what differs from sentencepiece's defaults") {
  SentencePieceModel model = abc();
  model.trainer_spec.vocab_size = 6;
  model.trainer_spec.control_symbols = {"<c>", "<d>"};
  model.trainer_spec.pad_id = -1;
  model.trainer_spec.bos_id = -1;
  const auto back = parse_model(as_bytes(serialize_model(model)));
  CHECK_OK(back.status());
  CHECK_EQ(back.value().trainer_spec.vocab_size, 6);
  CHECK_EQ(back.value().trainer_spec.bos_id, -1);
  CHECK(back.value().trainer_spec.control_symbols == model.trainer_spec.control_symbols);
  CHECK(!back.value().normalizer_spec.add_dummy_prefix);
  CHECK_EQ(back.value().pieces.size(), size_t{6});
  CHECK_EQ(back.value().pieces[5].piece, "ab");
  CHECK_EQ(back.value().pieces[5].score, -3.0f);
  CHECK(back.value().pieces[1].type == PieceType::control);
  CHECK_EQ(serialize_model(back.value()), serialize_model(model));
  CHECK(!(back.value().trainer_spec.fields_written >> 40 & 1));  // unk_id = 0 is the default
}

TEST("model: unknown fields and extensions of every message survive, self_test_data does not") {
  ProtobufWriter piece, trainer, normalizer, model, self_test;
  piece.bytes(1, "<unk>");
  piece.float32(2, 0);
  piece.int32(3, 2);
  piece.varint(200, 7);
  trainer.int32(3, 2);
  trainer.bytes(1, "corpus.txt");
  trainer.int32(16, 80);
  trainer.bytes(300, "extension");
  normalizer.bytes(6, "rules.tsv");
  normalizer.bytes(1, "identity");
  self_test.bytes(1, "sample");
  model.bytes(1, piece.finish());
  model.bytes(2, trainer.finish());
  model.bytes(3, normalizer.finish());
  model.bytes(201, "more");
  const std::string without = model.finish();
  model.bytes(4, self_test.finish());
  const auto parsed = parse_model(as_bytes(model.finish()));
  CHECK_OK(parsed.status());
  CHECK_EQ(serialize_model(parsed.value()), without);
}

TEST("model: a repeated scalar keeps the last value and a repeated message merges, as protobuf does") {
  const std::string bytes = serialize_model(abc());
  ProtobufWriter more, trainer;
  trainer.int32(4, 5);
  trainer.int32(4, 9);
  more.bytes(2, trainer.finish());
  const auto parsed = parse_model(as_bytes(bytes + more.finish()));
  CHECK_OK(parsed.status());
  CHECK_EQ(parsed.value().trainer_spec.vocab_size, 9);
  CHECK(parsed.value().trainer_spec.model_type == ModelType::bpe);
}

TEST("protobuf: varints of all lengths come back, and fields leave in ascending number") {
  ProtobufWriter out;
  const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, 1ull << 32, ~0ull};
  uint32_t number = 10;
  for (const uint64_t value : values) out.varint(number--, value);
  const std::string bytes = out.finish();
  ProtobufReader reader(as_bytes(bytes));
  for (size_t i = std::size(values); i-- > 0;) {
    ProtobufField field;
    CHECK_OK(reader.next(&field));
    CHECK_EQ(field.value, values[i]);
    CHECK_EQ(field.number, ++number);
  }
  CHECK(reader.at_end());
}

TEST("model refused: protobuf that is none") {
  CHECK_REFUSED(refusal("\x0A"), "a varint without an end at byte 1");
  CHECK_REFUSED(refusal("\x08" + std::string(10, '\xFF') + "\x01"),
                "a varint of more than 64 bits at byte 1");
  CHECK_REFUSED(refusal("\x08" + std::string(9, '\xFF') + "\x02"), "a varint of more than 64 bits at byte 1");
  CHECK_REFUSED(refusal("\x0A\x05zz"), "field 1 claims 5 bytes where 2 remain at byte 0");
  CHECK_REFUSED(refusal("\x0A" + std::string(9, '\xFF') + "\x01"),
                "claims 18446744073709551615 bytes where 0 remain");
  CHECK_REFUSED(refusal(std::string("\x02\x00", 2)), "field number 0");
  CHECK_REFUSED(refusal("\x0B"), "field 1 with wire type 3");
  CHECK_REFUSED(refusal("\x0D\x01\x02\x03\x04"), "model field 1 at byte 0 has wire type 5");
  CHECK_REFUSED(refusal("hello, this is no model"), "");
  std::string cut = serialize_model(abc());
  cut.resize(cut.size() - 3);
  CHECK_REFUSED(refusal(cut), "fetch it again");
}

TEST("model refused: a field inside a piece names the piece and the byte in the file") {
  CHECK_REFUSED(refusal("\x0A\x02\x10\x01"),
                "piece 0 field 2 at byte 2 has wire type 0 where sentencepiece has 5");
  CHECK_REFUSED(refusal("\x0A\x05\x0A\x01"
                        "a\x18\x07"),
                "piece 0 field 3 at byte 5 names piece type 7");
  CHECK_REFUSED(refusal("\x12\x02\x18\x09"), "trainer_spec field 3 at byte 2 names model type 9");
}

TEST("model refused: pieces that break the rules") {
  SentencePieceModel model = abc();
  model.pieces[4].piece = "";
  CHECK_REFUSED(refusal(model), "piece 4 (\"\") is empty");
  model.pieces[4].piece = "ab";
  CHECK_REFUSED(refusal(model), "piece 5 (\"ab\") repeats piece 4");
  model.pieces[4].piece = "<s>";
  CHECK_REFUSED(refusal(model), "piece 4 (\"<s>\") repeats piece 1");
  model.pieces[4].piece = "\xE4\xBD";
  CHECK_REFUSED(refusal(model), "piece 4 (\"\\xe4\\xbd\") is not valid UTF-8");
  model.pieces[4] = piece_of("b", std::nanf(""));
  CHECK_REFUSED(refusal(model), "piece 4 (\"b\") has a score that is no finite number");
  model.pieces[4].score = -std::numeric_limits<float>::infinity();
  CHECK_REFUSED(refusal(model), "no finite number");
  model.pieces[4] = piece_of("b", 0, PieceType::unknown);
  CHECK_REFUSED(refusal(model), "piece 4 (\"b\") is a second piece of type UNKNOWN beside piece 0");
  model.pieces[4] = piece_of("<0x41>", 0, PieceType::byte);
  CHECK_REFUSED(refusal(model), "although byte_fallback is off");
  model = abc();
  model.pieces[0].type = PieceType::normal;
  CHECK_REFUSED(refusal(model), "no piece of type UNKNOWN");
  CHECK_REFUSED(refusal(SentencePieceModel()), "no piece of type UNKNOWN among its 0");
  model = abc();
  model.trainer_spec.unk_surface = "\xFF";
  CHECK_REFUSED(refusal(model), "unk_surface is not valid UTF-8");
}

TEST("model refused: byte pieces that are not the 256") {
  SentencePieceModel model = abc();
  add_byte_pieces(&model);
  CHECK_OK(check_model(model));
  const size_t last = model.pieces.size() - 1;
  model.pieces[last].piece = "<0x-1>";
  CHECK_REFUSED(refusal(model), "is of type BYTE but not one of <0x00> to <0xFF>");
  model.pieces[last].piece = "<0xff>";
  CHECK_REFUSED(refusal(model), "not one of <0x00> to <0xFF>");
  model.pieces.pop_back();
  CHECK_REFUSED(refusal(model), "piece <0xFF> of type BYTE is missing");
}

TEST("model refused: over the limits") {
  SentencePieceModel model = abc();
  model.pieces[4].piece = std::string(7999, 'x');
  CHECK_OK(refusal(model));
  model.pieces[4].piece += 'x';
  CHECK_REFUSED(check_model(model), "longer than 7999 bytes");
  CHECK_REFUSED(refusal(serialize_model(model)), "piece 4 field 1 at byte");
  std::string many;  // a million and one empty pieces in 2 MB
  for (int i = 0; i <= 1'000'000; ++i) many.append("\x0A\x00", 2);
  CHECK_REFUSED(refusal(many), "one piece more than the limit of a million");
  std::string trainer;  // the same with control_symbols
  for (int i = 0; i <= 1'000'000; ++i) trainer.append("\xF2\x01\x00", 3);
  ProtobufWriter out;
  out.bytes(2, trainer);
  CHECK_REFUSED(refusal(out.finish()), "trainer_spec field 30 at byte");
  CHECK_REFUSED(refusal(std::string((64u << 20) + 1, '\0')), "over the limit of 64 MiB");
}

TEST("model: save commits a file that loads equal, and says why when it cannot") {
  const auto tokenizer = tokenizer_of(abc());
  const std::string path = test::temporary_folder() + "/t.model";
  CHECK_OK(tokenizer->save(path));
  const auto loaded = load_tokenizer(path);
  CHECK_OK(loaded.status());
  CHECK_EQ(loaded.value()->fingerprint(), tokenizer->fingerprint());
  CHECK_EQ(file_bytes(path), serialize_model(tokenizer->model()));
  const Status missing = tokenizer->save(test::temporary_folder() + "/none/t.model");
  CHECK(!missing.ok() && contains(missing.message(), "/none/t.model"));
  CHECK(load_tokenizer(path + "x").status().code() == StatusCode::not_found);
  CHECK_OK(write_committed_file(path, "\x0A\x05zz"));
  CHECK_REFUSED(load_tokenizer(path).status(), "/t.model: not a whole sentencepiece model");
}

TEST("fingerprint: changes with all that encodes, not with training options") {
  const std::string base = tokenizer_of(abc())->fingerprint();
  CHECK_EQ(base.size(), size_t{64});
  const auto changed = [&](auto change) {
    SentencePieceModel model = abc();
    change(model);
    return tokenizer_of(std::move(model))->fingerprint() != base;
  };
  CHECK(changed([](auto& m) { m.pieces[3].score = -1.5f; }));
  CHECK(changed([](auto& m) { m.pieces[3].piece = "c"; }));
  CHECK(changed([](auto& m) { m.pieces[3].type = PieceType::user_defined; }));
  CHECK(changed([](auto& m) { std::swap(m.pieces[3], m.pieces[4]); }));
  CHECK(changed([](auto& m) { m.normalizer_spec.add_dummy_prefix = true; }));
  CHECK(changed([](auto& m) { m.normalizer_spec.escape_whitespaces = false; }));
  CHECK(changed([](auto& m) { m.trainer_spec.treat_whitespace_as_suffix = true; }));
  CHECK(changed([](auto& m) { m.trainer_spec.unk_surface = "?"; }));
  CHECK(changed([](auto& m) { add_byte_pieces(&m); }));
  CHECK(!changed([](auto& m) { m.trainer_spec.vocab_size = 77; }));
  CHECK(!changed([](auto& m) { m.normalizer_spec.name = "other"; }));
}
