"""PyTorch's causal scaled_dot_product_attention on the CPU: seconds of forward and of backward.

Each JSON line on stdin, {tokens, heads, head_dim, dtype, threads, seconds}, is answered by one on stdout. Needs: torch.
"""
import json
import statistics
import sys
import time

import torch
from torch.nn.functional import scaled_dot_product_attention


def median_seconds(budget, prepare, body):
    """Of `body` on what `prepare` gives, which is not timed; one call warms up."""
    times = []
    end = time.perf_counter() + budget
    while len(times) < 2 or time.perf_counter() < end:
        state = prepare()
        start = time.perf_counter()
        body(state)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


for line in sys.stdin:
    r = json.loads(line)
    torch.set_num_threads(r["threads"])
    torch.manual_seed(0)
    shape = (1, r["heads"], r["tokens"], r["head_dim"])
    q, k, v, dout = (torch.randn(shape, dtype=getattr(torch, r["dtype"])) for _ in range(4))

    def forward(_=None):
        return scaled_dot_product_attention(q, k, v, is_causal=True)

    with torch.no_grad():
        forward_seconds = median_seconds(r["seconds"], lambda: None, forward)
    for x in (q, k, v):
        x.requires_grad_()
    backward_seconds = median_seconds(r["seconds"], forward, lambda out: torch.autograd.grad(out, (q, k, v), dout))
    answer = {"forward_seconds": forward_seconds, "backward_seconds": backward_seconds, "torch": torch.__version__}
    print(json.dumps(answer), flush=True)
