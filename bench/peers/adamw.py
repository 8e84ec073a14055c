"""torch.optim.AdamW(fused=True) on the CPU: seconds of one step.

Each JSON line on stdin, {n, dtype, threads, seconds}, is answered by one on stdout. Needs: torch.
"""
import json
import statistics
import sys
import time

import torch

for line in sys.stdin:
    r = json.loads(line)
    torch.set_num_threads(r["threads"])
    torch.manual_seed(0)
    dtype = getattr(torch, r["dtype"])
    weight = torch.nn.Parameter(torch.randn(r["n"], dtype=dtype) * 0.02)
    weight.grad = torch.randn(r["n"], dtype=dtype) * 1e-3
    optimizer = torch.optim.AdamW([weight], lr=1e-5, fused=True)
    optimizer.step()
    times = []
    end = time.perf_counter() + r["seconds"]
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        optimizer.step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(times), "torch": torch.__version__}), flush=True)
