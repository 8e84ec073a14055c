"""Everything a GPU can say of the CUDA backend, by one command; needs nvcc, CMake, a C++ compiler, Python.

  python3 bench/gpu/check.py --out results            all of it
  python3 bench/gpu/check.py --only build,tests       parts: build, tests, sanitizer, attention, gemm, ops, train,
                                                      generate
  python3 bench/gpu/check.py --prebuilt DIR           builds nothing: DIR is a build folder made elsewhere
  python3 bench/gpu/check.py --shared DIR             the golden models of the tests are in DIR/goldens
  python3 bench/gpu/check.py --node NODE              part js: the JavaScript suite on the device; the checkout holds
                                                      node_modules and the built addon

Writes OUT/gpu.json with device, driver and date after every figure, and OUT/<part>.log while a program runs, so that an
interruption keeps what was measured. Ends with "N passed, N failed" over the tests; the figures are beside PyTorch's
where torch is installed, in alternation. The tests take ten minutes at the most. No Node is needed but for the part js.

Of a build folder --prebuilt needs test_*, bench_*, fake/ and out/libbelle_cuda.so.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ["build", "tests", "sanitizer", "attention", "gemm", "ops", "train", "generate", "js"]
parser = argparse.ArgumentParser()
parser.add_argument("--only")
parser.add_argument("--out", default="gpu-results")
parser.add_argument("--build", default=str(ROOT / "build" / "gpu"))
parser.add_argument("--prebuilt")
parser.add_argument("--shared")
parser.add_argument("--node")
parser.add_argument("--rounds", type=int, default=3)
a = parser.parse_args()
wanted = a.only.split(",") if a.only else [part for part in PARTS if part != "js" or a.node]
wanted = [part for part in wanted if part != "build" or not a.prebuilt]
if unknown := set(wanted) - set(PARTS):
    sys.exit(f"no part is called {', '.join(sorted(unknown))}; they are {', '.join(PARTS)}")
if "js" in wanted and not a.node:
    sys.exit("the part js needs --node, the path of a Node binary")
out, build = pathlib.Path(a.out).resolve(), pathlib.Path(a.prebuilt or a.build).resolve()
out.mkdir(parents=True, exist_ok=True)
library = build / "out" / "libbelle_cuda.so"
if a.prebuilt and not library.exists():
    sys.exit(f"{build} holds no out/libbelle_cuda.so; name a build folder")
environment = {**os.environ, "BELLE_TEST_BACKEND": str(library), "BELLE_CUDA_LIB": str(library)}
if a.shared:
    if not (pathlib.Path(a.shared) / "goldens").is_dir():
        sys.exit(f"{a.shared} has no folder goldens; name the folder that holds it, or leave --shared out")
    environment["BELLE_SHARED"] = str(pathlib.Path(a.shared).resolve())
passed = failed = 0
figures, tests, done = {}, [], []


def save():
    result = {"date": datetime.date.today().isoformat(), "device": device, "parts": wanted, "done": done,
              "passed": passed, "failed": failed, "tests": tests, "figures": figures}
    whole = out / "gpu.json.part"
    whole.write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf8")
    whole.replace(out / "gpu.json")


def run(command, log, timeout=120):
    """The program's output, which goes to the log as it comes, and its exit status: 124 when time ran out."""
    print("+", " ".join(map(str, command)), flush=True)
    path = out / f"{log}.log"
    with open(path, "a", encoding="utf8") as file:
        file.write(f"+ {' '.join(map(str, command))}\n")
        file.flush()
        begin = path.stat().st_size
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=timeout, stdout=file, stderr=subprocess.STDOUT
            ).returncode
        except subprocess.TimeoutExpired:
            code = 124
        except OSError as error:  # no such program
            file.write(str(error))
            file.flush()
            code = 127
        end = path.stat().st_size
        file.write(f"\nexit {code}{f', over {timeout} s' if code == 124 else ''}\n")
    with open(path, "rb") as file:
        file.seek(begin)
        return file.read(end - begin).decode(errors="replace"), code


def answer(command, log, timeout=300):
    """The last line of a program that prints JSON, or None with its reason in the log."""
    text, code = run(command, log, timeout)
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if code != 0 or not lines:
        count(False, f"{' '.join(map(str, command))} ended with {code}", text)
        return None
    return json.loads(lines[-1])


def count(good, name, text=""):
    global passed, failed
    passed, failed = passed + good, failed + (not good)
    tests.append({"test": name, "passed": good})
    save()
    print("ok  " if good else "FAIL", name, "" if good else text[-3000:], flush=True)


def alternate(name, mine, peer=None, watch=False):
    """Rounds of all of ours and then the peer, one after the other."""
    rounds = []
    commands = [" ".join(pathlib.Path(word).name if word == command[0] or word.startswith("/") else word for word in command)
                for command in ([str(word) for word in command] for command in mine)]
    figures.setdefault(name, []).append({"commands": commands, "rounds": rounds})
    for _ in range(max(1, a.rounds)):
        ours = []
        for command in mine:
            with Memory(watch) as memory:
                ours.append(answer(command, name))
            if watch and ours[-1]:
                ours[-1]["peak_bytes"] = memory.most
        rounds.append({"ours": ours, **({"torch": answer(peer, name)} if peer and torch_there else {})})
        save()
    print(json.dumps(rounds[-1]), flush=True)


class Memory:
    """The most device memory in use while the body runs, twice a second, as nvidia-smi says."""

    def __init__(self, watch):
        self.most, self.watch, self.ended = 0, watch, threading.Event()

    def __enter__(self):
        if self.watch:
            self.thread = threading.Thread(target=self.sample)
            self.thread.start()
        return self

    def sample(self):
        while not self.ended.wait(0.5):
            self.most = max(self.most, int(float((ask_device("memory.used", "nounits").splitlines() or ["0"])[0]) * (1 << 20)))

    def __exit__(self, *_):
        self.ended.set()
        if self.watch:
            self.thread.join()


def has_torch():
    return subprocess.run([sys.executable, "-c", "import torch; assert torch.cuda.is_available()"]).returncode == 0


def words(**values):
    return [f"{key}={value}" for key, value in values.items()]


def build_part():
    for command in (
        ["cmake", "-S", ".", "-B", build, "-DBELLE_ADDON=OFF", "-DBELLE_TESTS=ON", "-DBELLE_BENCH=ON", "-DBELLE_CUDA=ON"],
        ["cmake", "--build", build, "--parallel", str(os.cpu_count())],
    ):
        text, code = run(command, "build", 3600)
        count(code == 0, " ".join(map(str, command[:3])), text)


def tests_part():
    for room, seconds in {"ops": 150, "model": 90, "train": 270, "infer": 60}.items():
        text, code = run([build / f"test_{room}"], "tests", seconds)
        found = re.search(r"(\d+) passed, (\d+) failed", text.strip().splitlines()[-1] if text.strip() else "")
        said = found[0] if found else f"ended with {code} before its summary"
        count(code == 0 and found is not None and found[2] == "0", f"test_{room}: {said}", text)
    text, code = run([build / "test_dist", "one rank"], "tests", 60)  # NCCL, alone
    count(code == 0, f"test_dist one rank: {(text.strip().splitlines() or [code])[-1]}", text)


def sanitizer_part():
    """Case by case, several at a time: under racecheck a case takes up to minutes.

    racecheck looks at attention as other devices run it: in Hopper's backward pass it reports readers of shared memory
    that wait on an mbarrier for what they read (docs/cuda.md).
    """
    program = build / "test_ops"
    cases = run([program, "--list"], "sanitizer")[0].splitlines()
    for tool in ("memcheck", "synccheck", "racecheck"):
        attention = ["env", "BELLE_CUDA_ATTENTION=mma"] if tool == "racecheck" else []
        command = [*attention, "compute-sanitizer", "--tool", tool, "--error-exitcode", "99", program]
        with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
            ended = pool.map(lambda i: run([*command, cases[i]], f"{tool}-{i}", 900), range(len(cases)))
            bad = [
                (case, text)
                for case, (text, code) in zip(cases, ended)
                if code != 0 and "terminated before first" not in text  # a case that needs no device
            ]
        found = f"{len(cases)} cases" if not bad else ", ".join(case for case, _ in bad)
        count(not bad, f"compute-sanitizer {tool}: {found}", "".join(text for _, text in bad))


def ours(program, *given, **values):
    return [build / program, *given, "backend=cuda", *words(**values)]


def attention_part():
    sizes = (2048, 4096, 8192, 16384)
    shape = dict(documents=1, heads=32, kv_heads=32, head_dim=128)
    alternate(
        "attention",
        [
            ours("bench_ops", op, tokens=tokens, **shape, **alibi)
            for tokens in sizes
            for op in ("attention", "attention_backward")
            for alibi in ({}, {"alibi": 1})
        ],
        [sys.executable, "bench/gpu/peer.py", "attention", "--tokens", ",".join(map(str, sizes))],
    )


def gemm_part():
    shapes = ((8192, 12288, 4096), (8192, 4096, 4096), (8192, 22016, 4096), (8192, 4096, 11008))
    alternate(
        "gemm",
        [
            ours("bench_ops", "gemm", m=m, n=n, k=k, layout=layout)
            for m, n, k in shapes
            for layout in ("nt", "nn", "tn")
        ],
        [sys.executable, "bench/gpu/peer.py", "gemm", "--shapes", ",".join("x".join(map(str, s)) for s in shapes)],
    )


def ops_part():
    alternate(
        "ops",
        [
            ours("bench_ops", op, **shape)
            for op, shape in (
                ("linear_cross_entropy", dict(rows=8192, d=4096, vocab=79458)),
                ("linear_cross_entropy", dict(rows=8192, d=4096, vocab=250880)),
                ("linear_cross_entropy_gemms", dict(rows=8192, d=4096, vocab=250880)),
                ("adamw", dict(n=1 << 28)),
                ("rms_norm", dict(rows=8192, d=4096)),
                ("swiglu", dict(rows=8192, d=11008)),
                ("peak", {}),
            )
        ],
    )


# What the public surface says of models, training and generation: the goldens of transformers and PEFT among it.
JS_TESTS = ["parity/model", "parity/training", "parity/lora", "unit/model", "unit/trainer", "unit/lora", "unit/local_generator"]


def js_part():
    text, code = run(["env", "BELLE_BACKEND=cuda", a.node, "test/run.mjs", *JS_TESTS], "js", 900)
    said = (text.strip().splitlines() or [f"ended with {code}"])[-1]
    count(code == 0, f"JavaScript suite: {said}", text)


SHAPES = {
    "llama-7b-79458": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=79458, hidden_size=4096,
        intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
        max_position_embeddings=2048, rms_norm_eps=1e-6, rope_theta=10000.0, hidden_act="silu",
        tie_word_embeddings=False,
    ),
    "llama-110m": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=32000, hidden_size=768,
        intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12,
        max_position_embeddings=2048, rms_norm_eps=1e-6, rope_theta=10000.0, hidden_act="silu",
        tie_word_embeddings=False,
    ),
    "bloomz-7b1": dict(
        model_type="bloom", architectures=["BloomForCausalLM"], vocab_size=250880, hidden_size=4096, n_layer=30,
        n_head=32, layer_norm_epsilon=1e-5, apply_residual_connection_post_layernorm=False, tie_word_embeddings=True,
    ),
}


def train_part():
    for name, accumulation in (("llama-7b-79458", 1), ("llama-7b-79458", 4), ("bloomz-7b1", 1)):
        path = out / f"{name}.json"
        path.write_text(json.dumps(SHAPES[name]), encoding="utf8")
        steps = 12 // accumulation
        values = dict(config=path, tokens=8192, documents=4, steps=steps, accumulation=accumulation)
        peer = ["--config", path, "--tokens", "8192", "--steps", str(steps), "--accumulation", str(accumulation)]
        eager = ["--attention", "eager"] if name.startswith("bloom") else []
        alternate(
            "train",
            [ours("bench_train_step", **values)],
            [sys.executable, "bench/gpu/peer.py", "train", *peer, *eager],
            watch=True,
        )


def generate_part():
    """Decoding with recorded steps (CUDA graphs) and without, and transformers, whose ops are started one by one."""
    for name, batch in (("llama-110m", 1), ("llama-110m", 8), ("llama-7b-79458", 1), ("llama-7b-79458", 8)):
        path = out / f"{name}.json"
        path.write_text(json.dumps(SHAPES[name]), encoding="utf8")
        mine = ours("bench_generate", config=path, batch=batch, prompt=128, new=256)
        alternate(
            "generate",
            [mine, ["env", "BELLE_CUDA_GRAPHS=off", *mine]],
            [sys.executable, "bench/gpu/peer.py", "generate", "--config", path, "--batch", str(batch),
             "--prompt", "128", "--new", "256"],
        )


def ask_device(query, *form):
    command = ["nvidia-smi", f"--query-gpu={query}", f"--format={','.join(('csv', 'noheader', *form))}"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


device = ask_device("name,driver_version,memory.total") or "no nvidia-smi"
torch_there = not {"attention", "gemm", "train", "generate"}.isdisjoint(wanted) and has_torch()
save()
for part in PARTS:
    if part in wanted:
        globals()[f"{part}_part"]()
        done.append(part)
        save()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
