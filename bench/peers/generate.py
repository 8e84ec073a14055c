"""Prefill and greedy decode tokens/s of a LLaMA in transformers on the CPU. One JSON line. Needs: torch, transformers."""
import argparse
import json
import time

import torch

from llama import llama

parser = argparse.ArgumentParser()
parser.add_argument("--size", required=True)
parser.add_argument("--dtype", choices=["fp32", "bf16"], required=True)
for name in ("threads", "batch", "prompt", "new"):
    parser.add_argument(f"--{name}", type=int, required=True)
a = parser.parse_args()


def seconds(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


torch.set_num_threads(a.threads)
torch.manual_seed(0)
model, vocab = llama(a.size, a.dtype)
model.eval()
ids = torch.randint(4, vocab, (a.batch, a.prompt))


def generate(count):
    greedy = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, **greedy)


with torch.inference_mode():
    model(ids)
    prefill = seconds(lambda: model(ids))
    generate(4)
    decode = seconds(lambda: generate(a.new)) - prefill
speeds = {"prefill_tokens_per_s": a.batch * a.prompt / prefill, "decode_tokens_per_s": a.batch * (a.new - 1) / decode}
print(json.dumps({**speeds, "dtype": a.dtype, "torch": torch.__version__}))
