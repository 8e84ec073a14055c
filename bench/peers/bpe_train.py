"""Seconds sentencepiece takes to train a BPE vocabulary. Argument: JSON {file, threads, options}. Needs: sentencepiece."""
import hashlib
import json
import sys
import tempfile
import time

import sentencepiece

r = json.loads(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    sentencepiece.SentencePieceTrainer.train(
        input=r["file"],
        model_prefix=f"{folder}/model",
        model_type="bpe",
        num_threads=r["threads"],
        minloglevel=2,
        **r["options"],
    )
    seconds = time.perf_counter() - start
    with open(f"{folder}/model.vocab", "rb") as file:
        pieces = b"\n".join(line.split(b"\t")[0] for line in file.read().split(b"\n")[:-1])
print(json.dumps({"seconds": seconds, "sha256": hashlib.sha256(pieces).hexdigest(), "sentencepiece": sentencepiece.__version__}))
