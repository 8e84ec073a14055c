"""What PyTorch does on the same GPU. One JSON line a run.

  peer.py attention --tokens 2048,8192 --heads 32 --kv-heads 32 --head-dim 128 --sdpa flash,cudnn
  peer.py gemm --shapes 8192x4096x4096,8192x12288x4096        every layout of every shape
  peer.py train --config config.json --tokens 8192 --documents 4 --steps 8 --accumulation 1
  peer.py generate --config config.json --batch 8 --prompt 128 --new 256

Needs: torch with CUDA, transformers for `train` and `generate`.
"""
import argparse
import gc
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

    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    figures = []
    for tokens in map(int, a.tokens.split(",")):
        torch.manual_seed(0)
        make = lambda heads: torch.randn(
            1, heads, tokens, a.head_dim, device="cuda", dtype=torch.bfloat16, requires_grad=True
        )
        q, k, v = make(a.heads), make(a.kv_heads), make(a.kv_heads)
        dout = torch.randn_like(q)
        attend = lambda: torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=a.heads != a.kv_heads
        )
        flops = 4 * a.heads * a.head_dim * tokens * (tokens + 1) / 2
        for name in a.sdpa.split(","):
            with sdpa_kernel(backends[name]):
                with torch.no_grad():
                    forward = seconds_of(attend)
                out = attend()
                backward = seconds_of(lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True))
            figures.append({
                "sdpa": name,
                "tokens": tokens,
                "forward_tflops": flops / forward * 1e-12,
                "backward_tflops": 2.5 * flops / backward * 1e-12,
            })
    return {"figures": figures}


def gemm(a):
    figures = []
    for shape in a.shapes.split(","):
        m, n, k = map(int, shape.split("x"))
        for layout in ("nt", "nn", "tn"):
            left = torch.randn((k, m) if layout == "tn" else (m, k), device="cuda", dtype=torch.bfloat16)
            right = torch.randn((n, k) if layout == "nt" else (k, n), device="cuda", dtype=torch.bfloat16)
            left = left.T if layout == "tn" else left
            right = right.T if layout == "nt" else right
            out = torch.empty((m, n), device="cuda", dtype=torch.bfloat16)
            seconds = seconds_of(lambda: torch.matmul(left, right, out=out))
            figures.append({"layout": layout, "m": m, "n": n, "k": k, "tflops": 2 * m * n * k / seconds * 1e-12})
    return {"figures": figures}


def train(a):
    """Fewer documents at a time where the memory does not suffice; `tokens` says how many fitted."""
    documents = a.documents
    while True:
        try:
            return steps(a, documents)
        except torch.cuda.OutOfMemoryError:
            documents //= 2
            if documents == 0:
                raise
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def random_model(a):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(**json.load(open(a.config, encoding="utf8")))
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation=a.attention)


def steps(a, documents):
    model = random_model(a)
    model.gradient_checkpointing_disable()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    length = int(a.tokens) // a.documents
    ids = torch.randint(0, model.config.vocab_size, (a.accumulation, documents, length), device="cuda")
    times = []
    for step in range(a.steps + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for batch in ids:
            loss = model(input_ids=batch, labels=batch).loss / a.accumulation
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        torch.cuda.synchronize()
        if step >= 2:
            times.append(time.perf_counter() - start)
    return {
        "tokens_per_s": ids.numel() / statistics.median(times),
        "tokens": ids.numel(),
        "peak_bytes": torch.cuda.max_memory_allocated(),
        "loss": loss.item() * a.accumulation,
    }


def generate(a):
    """Greedily, as bench_generate: decoding is the whole answer's time without that of its first token."""
    model = random_model(a).eval()
    ids = torch.randint(0, model.config.vocab_size, (a.batch, a.prompt), device="cuda")

    def seconds(tokens):
        torch.cuda.synchronize()
        start = time.perf_counter()
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
            pad_token_id=0,
        )
        torch.cuda.synchronize()
        return time.perf_counter() - start

    with torch.inference_mode():
        seconds(4)
        prefill, whole = seconds(1), seconds(a.new)
    return {
        "prefill_tokens_per_s": a.batch * a.prompt / prefill,
        "decode_tokens_per_s": a.batch * (a.new - 1) / (whole - prefill),
    }


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["attention", "gemm", "train", "generate"])
parser.add_argument("--tokens", default="8192")
for name, default in {"heads": 32, "kv-heads": 32, "head-dim": 128, "documents": 4, "steps": 8, "accumulation": 1,
                      "batch": 1, "prompt": 128, "new": 256}.items():
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--sdpa", default="flash,cudnn")
parser.add_argument("--shapes", default="8192x4096x4096")
parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa", help="of transformers; BLOOM has eager alone")
parser.add_argument("--config")
arguments = parser.parse_args()
figures = {"attention": attention, "gemm": gemm, "train": train, "generate": generate}[arguments.what](arguments)
print(json.dumps({"torch": torch.__version__, **figures}))
