"""What PyTorch does on the same GPU. One JSON line a run.

  peer.py attention --tokens 8192 --heads 32 --kv-heads 32 --head-dim 128 --sdpa flash|cudnn
  peer.py gemm --m 8192 --n 4096 --k 4096 --layout nn|nt|tn
  peer.py train --config config.json --tokens 8192 --documents 4 --steps 8

Needs: torch with CUDA, transformers for `train`.
"""
import argparse
import json
import statistics
import time

import torch


def seconds_of(body, budget=0.5):
    """Median of calls by CUDA events; three warm up."""
    for _ in range(3):
        body()
    torch.cuda.synchronize()
    times = []
    end = time.perf_counter() + budget
    while len(times) < 5 or time.perf_counter() < end:
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        body()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) / 1000)
    return statistics.median(times)


def attention(a):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backend = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}[a.sdpa]
    torch.manual_seed(0)
    make = lambda heads: torch.randn(
        1, heads, a.tokens, a.head_dim, device="cuda", dtype=torch.bfloat16, requires_grad=True
    )
    q, k, v = make(a.heads), make(a.kv_heads), make(a.kv_heads)
    dout = torch.randn_like(q)
    attend = lambda: torch.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=True, enable_gqa=a.heads != a.kv_heads
    )
    with sdpa_kernel(backend):
        with torch.no_grad():
            forward = seconds_of(attend)
        out = attend()
        backward = seconds_of(lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True))
    flops = 4 * a.heads * a.head_dim * a.tokens * (a.tokens + 1) / 2
    return {
        "sdpa": a.sdpa,
        "tokens": a.tokens,
        "forward_tflops": flops / forward * 1e-12,
        "backward_tflops": 2.5 * flops / backward * 1e-12,
    }


def gemm(a):
    left = torch.randn((a.k, a.m) if a.layout == "tn" else (a.m, a.k), device="cuda", dtype=torch.bfloat16)
    right = torch.randn((a.n, a.k) if a.layout == "nt" else (a.k, a.n), device="cuda", dtype=torch.bfloat16)
    left = left.T if a.layout == "tn" else left
    right = right.T if a.layout == "nt" else right
    out = torch.empty((a.m, a.n), device="cuda", dtype=torch.bfloat16)
    seconds = seconds_of(lambda: torch.matmul(left, right, out=out))
    return {"layout": a.layout, "m": a.m, "n": a.n, "k": a.k, "tflops": 2 * a.m * a.n * a.k / seconds * 1e-12}


def train(a):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(**json.load(open(a.config, encoding="utf8")))
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation=a.attention)
    model.gradient_checkpointing_disable()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(0, config.vocab_size, (a.documents, a.tokens // a.documents), device="cuda")
    times = []
    for step in range(a.steps + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        torch.cuda.synchronize()
        if step >= 2:
            times.append(time.perf_counter() - start)
    return {
        "tokens_per_s": ids.numel() / statistics.median(times),
        "peak_bytes": torch.cuda.max_memory_allocated(),
        "loss": loss.item(),
    }


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["attention", "gemm", "train"])
for name, default in {
    "tokens": 8192, "heads": 32, "kv-heads": 32, "head-dim": 128, "m": 8192, "n": 4096, "k": 4096,
    "documents": 4, "steps": 8,
}.items():
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--sdpa", choices=["flash", "cudnn"], default="flash")
parser.add_argument("--layout", choices=["nn", "nt", "tn"], default="nt")
parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa", help="of transformers; BLOOM has eager alone")
parser.add_argument("--config")
arguments = parser.parse_args()
figures = {"attention": attention, "gemm": gemm, "train": train}[arguments.what](arguments)
print(json.dumps({"torch": torch.__version__, **figures}))
