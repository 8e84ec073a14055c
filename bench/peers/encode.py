"""MB of text a second that sentencepiece encodes, line by line. Argument: JSON {model, file, bytes, threads}. Needs: sentencepiece.

sha256: over the ids, 32 bits each, lowest byte first.
"""
import array
import hashlib
import json
import sys
import time

import sentencepiece

r = json.loads(sys.argv[1])
with open(r["file"], "rb") as file:
    raw = file.read(r["bytes"])
raw = raw[: raw.rfind(b"\n") + 1]
lines = raw.decode("utf8").split("\n")
model = sentencepiece.SentencePieceProcessor(model_file=r["model"])
best = float("inf")
for _ in range(3):
    start = time.perf_counter()
    if r["threads"] == 1:
        for line in lines:
            model.encode(line)
    else:
        model.encode(lines, num_threads=r["threads"])
    best = min(best, time.perf_counter() - start)
ids = array.array("I", (id for line in model.encode(lines) for id in line))
if sys.byteorder != "little":
    ids.byteswap()
sha256 = hashlib.sha256(ids.tobytes()).hexdigest()
print(json.dumps({"tokens": len(ids), "sha256": sha256, "megabytes_per_s": len(raw) / 1e6 / best, "sentencepiece": sentencepiece.__version__}))
