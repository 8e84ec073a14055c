"""Seconds sentencepiece takes to train a BPE vocabulary. Argument: JSON {file, threads, options}. Needs: sentencepiece."""
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
print(json.dumps({"seconds": seconds, "sentencepiece": sentencepiece.__version__}))
