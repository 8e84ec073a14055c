"""The models of bench/llama.ts in transformers."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

SIZES = {  # vocabulary, hidden, layers, intermediate, heads
    "9m": (8192, 256, 6, 688, 4),
    "34m": (8192, 512, 8, 1376, 8),
    "110m": (32000, 768, 12, 2048, 12),
}


def llama(size, dtype):
    """The model, and the rows of its vocabulary."""
    vocab, hidden, layers, intermediate, heads = SIZES[size]
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        num_hidden_layers=layers,
        intermediate_size=intermediate,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=2048,
        attn_implementation="sdpa",
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    return (model.to(torch.bfloat16) if dtype == "bf16" else model), vocab
