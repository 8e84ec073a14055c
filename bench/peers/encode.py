"""MB of text a second that sentencepiece encodes, line by line. Argument: JSON {model, file, bytes, threads}. Needs: sentencepiece."""
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
print(json.dumps({"megabytes_per_s": len(raw) / 1e6 / best, "sentencepiece": sentencepiece.__version__}))
