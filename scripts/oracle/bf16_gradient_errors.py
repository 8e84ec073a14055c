"""Makes test/parity/bf16_gradient_errors.json: how far PyTorch's bfloat16 gradients are from float64 ones.

usage: bf16_gradient_errors.py GOLDENS_FOLDER > test/parity/bf16_gradient_errors.json
For each golden model: the weights are rounded to bfloat16; gradients of the golden's batch are computed by transformers
in float64 and in bfloat16; the figure of a parameter is |g_bf16 - g_f64| / |g_f64| (Frobenius). Needs torch and
transformers; neither the package nor its tests run this.
"""
import json, sys, pathlib, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

def gradients(model, ids, labels):
    model.zero_grad(set_to_none=True)
    logits = model(input_ids=ids).logits
    targets = torch.full_like(labels, -100)
    targets[:, :-1] = labels[:, 1:]
    keep = targets != -100
    loss = torch.nn.functional.cross_entropy(logits[keep].to(torch.promote_types(logits.dtype, torch.float32)), targets[keep])
    loss.backward()
    return loss.item(), {n: p.grad.double() for n, p in model.named_parameters()}

out = {"torch": torch.__version__, "models": {}}
for name in ("llama-mha", "yi-gqa", "llama-hd128", "bloom-h4", "bloom-h6"):
    folder = pathlib.Path(sys.argv[1]) / name
    tensors = load_file(folder / "golden.safetensors")
    ids, labels = tensors["forward.input_ids"].long(), tensors["forward.labels"].long()
    half = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).double()
    loss16, g16 = gradients(half, ids, labels)
    loss64, g64 = gradients(exact, ids, labels)
    out["models"][name] = {
        "loss": abs(loss16 - loss64) / loss64,
        "gradients": {n: float(f"{((g16[n] - g64[n]).norm() / g64[n].norm()).item():.4g}") for n in g64},
    }
print(json.dumps(out, indent=1))
