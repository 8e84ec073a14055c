"""Tokens/s of a whole training step (forward, backward, clip, AdamW) of a LLaMA in PyTorch + transformers on the CPU.

Prints one JSON line. Needs: torch, transformers.
"""
import argparse
import json
import statistics
import time

import torch

from llama import llama

parser = argparse.ArgumentParser()
parser.add_argument("--size", required=True)
parser.add_argument("--dtype", choices=["fp32", "bf16"], required=True)
for name in ("threads", "steps", "batch", "seq"):
    parser.add_argument(f"--{name}", type=int, required=True)
a = parser.parse_args()

torch.set_num_threads(a.threads)
torch.manual_seed(0)
model, vocab = llama(a.size, a.dtype)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
ids = torch.randint(0, vocab, (a.batch, a.seq))
times = []
for step in range(a.steps + 2):
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    model(input_ids=ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step >= 2:
        times.append(time.perf_counter() - start)
speed = a.batch * a.seq / statistics.median(times)
print(json.dumps({"tokens_per_s": round(speed, 1), "dtype": a.dtype, "torch": torch.__version__}))
