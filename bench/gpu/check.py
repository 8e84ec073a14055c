"""Everything a GPU can say of the CUDA backend, by one command; needs nvcc, CMake, a C++ compiler, Python.

  python3 bench/gpu/check.py --out results            all of it
  python3 bench/gpu/check.py --only build,tests       parts: build, tests, sanitizer, attention, gemm, ops, train

Writes OUT/gpu.json with device, driver and date, and OUT/<part>.log. Ends with "N passed, N failed" over the tests; the
figures are beside PyTorch's where torch is installed, in alternation. No Node is needed.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ["build", "tests", "sanitizer", "attention", "gemm", "ops", "train"]
parser = argparse.ArgumentParser()
parser.add_argument("--only", default=",".join(PARTS))
parser.add_argument("--out", default="gpu-results")
parser.add_argument("--build", default=str(ROOT / "build" / "gpu"))
parser.add_argument("--rounds", type=int, default=3)
a = parser.parse_args()
wanted = a.only.split(",")
if unknown := set(wanted) - set(PARTS):
    sys.exit(f"no part is called {', '.join(sorted(unknown))}; they are {', '.join(PARTS)}")
out, build = pathlib.Path(a.out), pathlib.Path(a.build)
out.mkdir(parents=True, exist_ok=True)
library = build / "out" / "libbelle_cuda.so"
environment = {**os.environ, "BELLE_TEST_BACKEND": str(library), "BELLE_CUDA_LIB": str(library)}
passed = failed = 0
figures = {}


def run(command, log, timeout=900):
    """The program's output, which also goes to the log."""
    print("+", " ".join(map(str, command)), flush=True)
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=timeout, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        text, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        text, code = (late.stdout or b"").decode(errors="replace") + f"\nover {timeout} s\n", 124
    with open(out / f"{log}.log", "a", encoding="utf8") as file:
        file.write(f"+ {' '.join(map(str, command))}\n{text}\nexit {code}\n")
    return text, code


def answer(command, log):
    """The last line of a program that prints JSON, or None with its reason in the log."""
    text, code = run(command, log)
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if code != 0 or not lines:
        print(text[-2000:])
        return None
    return json.loads(lines[-1])


def count(good, name, text=""):
    global passed, failed
    passed, failed = passed + good, failed + (not good)
    print("ok  " if good else "FAIL", name, "" if good else text[-3000:], flush=True)


def alternate(name, mine, peers):
    """Rounds of ours and each peer, one after the other."""
    rounds = [{"ours": answer(mine, name), **{k: answer(p, name) for k, p in peers.items()}} for _ in range(a.rounds)]
    figures.setdefault(name, []).append({"command": " ".join(map(str, mine[1:])), "rounds": rounds})
    print(json.dumps(rounds[-1]), flush=True)


def has_torch():
    return subprocess.run([sys.executable, "-c", "import torch; assert torch.cuda.is_available()"]).returncode == 0


def words(**values):
    return [f"{key}={value}" for key, value in values.items()]


def build_part():
    for command in (
        ["cmake", "-S", ".", "-B", build, "-DBELLE_ADDON=OFF", "-DBELLE_TESTS=ON", "-DBELLE_BENCH=ON", "-DBELLE_CUDA=ON"],
        ["cmake", "--build", build, "--parallel", str(os.cpu_count())],
    ):
        text, code = run(command, "build", 1800)
        count(code == 0, " ".join(map(str, command[:3])), text)


def tests_part():
    for room in ("ops", "model", "train"):
        text, code = run([build / f"test_{room}"], "tests", 1800)
        found = re.search(r"(\d+) passed, (\d+) failed", text.strip().splitlines()[-1] if text.strip() else "")
        count(code == 0 and found is not None and found[2] == "0", f"test_{room} {found[0] if found else code}", text)


def sanitizer_part():
    for tool in ("memcheck", "racecheck", "synccheck"):
        command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "99", build / "test_ops"]
        text, code = run(command, "sanitizer", 3000)
        count(code == 0, f"compute-sanitizer {tool}", text)


def attention_part():
    for tokens in (2048, 4096, 8192, 16384):
        shape = words(tokens=tokens, documents=1, heads=32, kv_heads=32, head_dim=128)
        peers = {}
        if torch_there:
            for sdpa in ("flash", "cudnn"):
                peers[sdpa] = [sys.executable, "bench/gpu/peer.py", "attention", "--tokens", str(tokens), "--sdpa", sdpa]
        for op in ("attention", "attention_backward"):
            alternate("attention", [build / "bench_ops", op, "backend=cuda", *shape], peers)
            alternate("attention", [build / "bench_ops", op, "backend=cuda", *shape, "alibi=1"], {})


def gemm_part():
    for m, n, k in ((8192, 12288, 4096), (8192, 4096, 4096), (8192, 22016, 4096), (8192, 4096, 11008)):
        for layout in ("nt", "nn", "tn"):
            ours = [build / "bench_ops", "gemm", "backend=cuda", *words(m=m, n=n, k=k, layout=layout)]
            peer = [sys.executable, "bench/gpu/peer.py", "gemm", "--layout", layout]
            for name, value in {"m": m, "n": n, "k": k}.items():
                peer += [f"--{name}", str(value)]
            alternate("gemm", ours, {"torch": peer} if torch_there else {})


def ops_part():
    for op, shape in (
        ("linear_cross_entropy", words(rows=8192, d=4096, vocab=79458, chunk_rows=2048)),
        ("linear_cross_entropy_gemms", words(rows=8192, d=4096, vocab=79458, chunk_rows=2048)),
        ("linear_cross_entropy", words(rows=8192, d=4096, vocab=250880, chunk_rows=1024)),
        ("linear_cross_entropy_gemms", words(rows=8192, d=4096, vocab=250880, chunk_rows=1024)),
        ("adamw", words(n=1 << 28)),
        ("rms_norm", words(rows=8192, d=4096)),
        ("swiglu", words(rows=8192, d=11008)),
        ("peak", []),
    ):
        alternate("ops", [build / "bench_ops", op, "backend=cuda", *shape], {})


SHAPES = {
    "llama-7b-79458": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=79458, hidden_size=4096,
        intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
        max_position_embeddings=2048, rms_norm_eps=1e-6, rope_theta=10000.0, hidden_act="silu",
        tie_word_embeddings=False,
    ),
    "bloomz-7b1": dict(
        model_type="bloom", architectures=["BloomForCausalLM"], vocab_size=250880, hidden_size=4096, n_layer=30,
        n_head=32, layer_norm_epsilon=1e-5, apply_residual_connection_post_layernorm=False, tie_word_embeddings=True,
    ),
}


def train_part():
    for name, config in SHAPES.items():
        path = out / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf8")
        ours = [build / "bench_train_step", *words(config=path.resolve(), backend="cuda", tokens=8192, documents=4)]
        peer = [sys.executable, "bench/gpu/peer.py", "train", "--config", path.resolve(), "--tokens", "8192"]
        alternate("train", ours, {"torch": peer} if torch_there else {})


torch_there = not {"attention", "gemm", "train"}.isdisjoint(wanted) and has_torch()
for part in PARTS:
    if part in wanted:
        globals()[f"{part}_part"]()
smi = subprocess.run(
    ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
    capture_output=True, text=True,
).stdout.strip() if subprocess.run(["which", "nvidia-smi"], capture_output=True).returncode == 0 else "no nvidia-smi"
result = {"date": datetime.date.today().isoformat(), "device": smi, "parts": wanted, "passed": passed, "failed": failed,
          "figures": figures}
(out / "gpu.json").write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf8")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
