"""Makes the reference rows of the json_* tests of test/native/tokenizer: what Hugging Face tokenizers 0.23.2 and tiktoken
0.14 do with generated texts.

usage: json_tokenizer_cases.py splits ROWS SEED > test/native/tokenizer/fixtures/json_splits.jsonl        (160 1)
       json_tokenizer_cases.py tokenizers FILES ROWS SEED > .../json_tokenizers.jsonl                     (24 12 1)
       json_tokenizer_cases.py tiktoken ROWS SEED > .../json_tiktoken.jsonl                               (40 1)
Larger runs, read by the same tests through BELLE_JSON_SPLITS, BELLE_JSON_TOKENIZERS and BELLE_JSON_TIKTOKEN, compare
more. Neither the package nor its tests run this.
"""
import base64, json, random, sys
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "bloom": " ?[^(\\s|[.,!?…。，、।۔،])]+",
    # CL100K as Oniguruma writes it: there $ is the end of a line and {1,3}+ not possessive.
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s",
    "llama3": LLAMA3,
    "qwen2": LLAMA3.replace("{1,3}", ""),
    "o200k_base": O200K,
}
POOL = [list(x) for x in (
    "abcXYZéÉßſKdžDžǅªʰ", "的一是不了人我在有他中国語日本あいウエ가나다", "0123456789٣४Ⅷ½²", "     \u00a0\u3000\u2003\t",
    "\n\r\n\r\u0085\u2028\x0b\x0c", "'''’`", "😀👩\u200d👩🏽\ufe0f🇨🇳", "\u0301\u0308\u0e31\u0bcd\u093f\u20dd",
    ".,!?…。，、।۔،()|[]{}/\\-_#@$%^&*+=<>:;\"~", "אבגدهوहिन्दीখாக", "\u200b\u200c\u2060\ufeff\ue000\x00\x01\x7f",
    "ªᶿʼˑⓐⒶⅠ〇々ーﾞ")] + [
    ["'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'lL", "'d", "'ſ", "'D", "s", "t", "re"], ["/", "//", "/\n"],
    ["the ", "over ", "then ", "hello ", "ing ", "中国", "我们", " 1234 ", "▁", " ▁"]]

def text_of(rnd, extra=()):
    if rnd.random() < .05:
        return "".join(chr(c) for c in (rnd.randrange(0x110000) for _ in range(rnd.randint(1, 12))) if not 0xD800 <= c <= 0xDFFF)
    favourites, out = rnd.sample(POOL, rnd.randint(1, 5)), ""
    for _ in range(rnd.choice([1, 2, 3, 5, 8, 13, 21, 34])):
        pool = extra if extra and rnd.random() < .2 else rnd.choice(favourites if rnd.random() < .85 else POOL)
        out += rnd.choice(pool) * rnd.choice([1, 1, 1, 1, 2, 3])
    return out

def put(row):
    print(json.dumps(row, ensure_ascii=False))

def splits(rows, seed):
    rnd = random.Random(seed)
    split = {name: pre_tokenizers.Split(Regex(p), "isolated") for name, p in PATTERNS.items()}
    for _ in range(rows):
        text = text_of(rnd)
        row = {"text": text}
        for name, s in split.items():
            row[name] = [len(text[:end].encode()) for _, (_, end) in s.pre_tokenize_str(text)] if text else []
        put(row)

def trained(rnd, byte_level):
    """A BPE model over generated words: its vocabulary without the special pieces, and its merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = (pre_tokenizers.ByteLevel(add_prefix_space=rnd.random() < .5, use_regex=rnd.random() < .7)
                               if byte_level else pre_tokenizers.Metaspace(split=rnd.random() < .7))
    texts = [text_of(rnd) for _ in range(60)]
    size = rnd.choice([60, 120, 200])
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], model["merges"]

def random_tokenizer(rnd):
    byte_level = rnd.random() < .5
    pieces, merges = trained(rnd, byte_level)
    pieces = sorted(pieces, key=pieces.get)
    if rnd.random() < .3:
        gone = set(rnd.sample([p for p in pieces if len(p) == 1], 5))
        pieces = [p for p in pieces if not gone & set(p)]
        merges = [m for m in merges if not gone & set("".join(m))]
    bytes_there = [] if byte_level and rnd.random() < .8 else rnd.choice([range(256), range(256), range(32, 256, 2), []])
    unk = rnd.choice(["<unk>", "<unk>", None])
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in bytes_there]
    vocab = {p: i for i, p in enumerate(first + pieces)}
    if rnd.random() < .3:
        rnd.shuffle(merges)
    if rnd.random() < .5:
        merges = [" ".join(m) for m in merges] if not any(" " in p for m in merges for p in m) else merges
    split = lambda pattern, behavior="Isolated", invert=False: {
        "type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    any_split = lambda: rnd.choice([
        split({"String": rnd.choice([" ", "a", "的", "▁", "ab", "\n"])}, rnd.choice(behaviors), rnd.random() < .3),
        split({"Regex": rnd.choice([p for n, p in PATTERNS.items() if n != "cl100k_base"])}, rnd.choice(["Isolated"] * 4 + behaviors), rnd.random() < .3)])
    scheme = lambda: rnd.choice(["always", "first", "never"])
    metaspace = lambda: {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme(), "split": rnd.random() < .5}
    llama_normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    if byte_level:
        last = {"type": "ByteLevel", "add_prefix_space": rnd.random() < .4, "trim_offsets": True, "use_regex": rnd.random() < .5}
        pre = last if rnd.random() < .4 else {"type": "Sequence", "pretokenizers": [any_split(), last]}
        normalizer = None
        decoder = rnd.choice([{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}] * 3 + [None])
    else:
        normalizer = rnd.choice([None, llama_normalizer, llama_normalizer, {"type": "Replace", "pattern": {"String": rnd.choice(["  ", "a", "的"])}, "content": rnd.choice(["", "▁", "bc"])}])
        pre = rnd.choice([None, metaspace(), metaspace(), {"type": "Sequence", "pretokenizers": [any_split(), metaspace()]}, any_split()])
        llama = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                 {"type": "Strip", "content": " ", "start": 1, "stop": rnd.choice([0, 0, 1])}]
        decoder = rnd.choice([{"type": "Sequence", "decoders": llama}, {"type": "Sequence", "decoders": llama},
                              {"type": "Sequence", "decoders": llama[1:]}, metaspace(), None])
    model = {"type": "BPE", "dropout": None, "unk_token": unk, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": rnd.random() < .5, "byte_fallback": bool(bytes_there), "ignore_merges": rnd.random() < .3,
             "vocab": vocab, "merges": merges}
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": pre, "post_processor": None, "decoder": decoder, "model": model}))
    contents = ["<s>", "</s>", "<unk>", "<|im_start|>", "<mask>", "<mask><mask>", "ab", "a", "的", "  ", " x", "国", "é", "▁", "1 2", "hello", "\n"]
    if normalizer and normalizer.get("content") == "":  # a token that normalises to nothing is refused
        contents.remove(normalizer["pattern"]["String"])
    chosen = rnd.sample(contents[:5], 3) + rnd.sample(contents[5:], rnd.choice([0, 0, 1, 3, 6]))
    for content in chosen:
        special = content[0] == "<" or rnd.random() < .2
        flag = lambda p: rnd.random() < p
        token = AddedToken(content, normalized=flag(.3) if normalizer else flag(.5), special=special,
                           lstrip=flag(.25), rstrip=flag(.25), single_word=flag(.2))
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
    return tokenizer, chosen

def bytes_offsets(text, offsets):
    place = [0]
    for c in text:
        place.append(place[-1] + len(c.encode()))
    return [[place[a], place[b]] for a, b in offsets]

def tokenizers(files, rows, seed):
    for file in range(files):
        rnd = random.Random(seed * 1000003 + file)
        tokenizer, chosen = random_tokenizer(rnd)
        whole = json.loads(tokenizer.to_str())
        put({"tokenizer": whole})
        # Behind a dropped character tokenizers' offsets slip, and bytes overtake an unk that waits: ids only.
        slips = whole["model"]["unk_token"] is None or (
            whole["model"]["byte_fallback"] and "<0x01>" not in whole["model"]["vocab"])
        for _ in range(rows):
            text = text_of(rnd, chosen)
            try:
                encoding = tokenizer.encode(text, add_special_tokens=False)
            except BaseException:  # tokenizers panics where stripped tokens overlap
                continue
            some = [rnd.randrange(tokenizer.get_vocab_size() + 2) for _ in range(rnd.choice([0, 4, 12]))]
            try:
                put({"text": text, "ids": encoding.ids, "offsets": None if slips else bytes_offsets(text, encoding.offsets),
                     "decoded": tokenizer.decode(encoding.ids), "some": some,
                     "some_decoded": tokenizer.decode(some, skip_special_tokens=False)})
            except BaseException:
                continue

def tiktoken_rows(rows, seed):
    rnd = random.Random(seed)
    words = [text_of(rnd) for _ in range(400)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=700, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    to_byte = {}
    extra = 0
    for b in range(256):
        itself = 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255
        to_byte[chr(b if itself else 256 + extra)] = b
        extra += not itself
    vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
    ranks = {bytes(to_byte[c] for c in piece): rank for piece, rank in vocab.items()}
    special = {"<|endoftext|>": len(ranks), "<|fim|>": len(ranks) + 3}
    put({"ranks": "".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in sorted(ranks.items(), key=lambda x: x[1])),
         "special": special})
    encodings = {name: tiktoken.Encoding(name, pat_str=CL100K if name == "cl100k_base" else p, mergeable_ranks=ranks, special_tokens=special)
                 for name, p in PATTERNS.items() if name != "bloom"}
    for _ in range(rows):
        text = text_of(rnd, list(special))
        row = {"text": text}
        for name, encoding in encodings.items():
            row[name] = encoding.encode(text, allowed_special="all")
        put(row)

if __name__ == "__main__":
    {"splits": splits, "tokenizers": tokenizers, "tiktoken": tiktoken_rows}[sys.argv[1]](*map(int, sys.argv[2:]))
