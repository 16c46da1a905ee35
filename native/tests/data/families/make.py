"""Makes the golden cases beside this file: tiny models of every family with random weights, computed by transformers and
hqq. Needs torch, transformers 4.57 and hqq 0.2.8:  python make.py OUT_DIR [SEED]

A case is a model folder with golden.safetensors: input_ids [B, T], logits (float32, eager attention), logits_q4 (every
linear layer but head and router at 4 bits, group size 16), greedy (16 ids after input_ids[:, :PROMPT]) and
greedy_margin (smallest lead of a chosen id)."""

import copy
import json
import shutil
import sys
from pathlib import Path

import torch
import transformers as hf
from hqq.core.quantize import Quantizer
from safetensors.torch import load_file, save_file

PROMPT = 20
SMALL = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)
PAIRS = 4  # rotated pairs of a head of 8 values
LONGROPE = dict(type="longrope", short_factor=[1.0 + 0.1 * i for i in range(PAIRS)],
                long_factor=[1.5 + 0.7 * i for i in range(PAIRS)])

# name: configuration class, what differs from SMALL, tokens per row (one row where there are many)
CASES = {
    "llama_yarn": (hf.LlamaConfig, dict(rope_scaling=dict(rope_type="yarn", factor=4.0, beta_fast=8.0,
                   original_max_position_embeddings=32), attention_bias=True, mlp_bias=True,
                   max_position_embeddings=128, hidden_act="gelu"), 128),
    "llama_linear": (hf.LlamaConfig, dict(rope_scaling=dict(rope_type="linear", factor=2.0), head_dim=20,
                     max_position_embeddings=128, tie_word_embeddings=True), 128),
    "llama3": (hf.LlamaConfig, dict(rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0,
               high_freq_factor=4.0, original_max_position_embeddings=32), max_position_embeddings=160,
               rope_theta=5e5), 160),
    "mistral": (hf.MistralConfig, dict(sliding_window=11, head_dim=8), 48),
    "mixtral": (hf.MixtralConfig, dict(num_local_experts=5, num_experts_per_tok=2, intermediate_size=40,
                sliding_window=20), 48),
    "phi": (hf.PhiConfig, dict(partial_rotary_factor=0.5, num_key_value_heads=4, qk_layernorm=True), 48),
    "phi_old": (hf.PhiConfig, dict(partial_rotary_factor=0.5, num_key_value_heads=4), 48),
    "phi3": (hf.Phi3Config, dict(rope_scaling=LONGROPE, original_max_position_embeddings=32,
             max_position_embeddings=128, sliding_window=24), 31),
    "phi3_long": (hf.Phi3Config, dict(rope_scaling=LONGROPE, original_max_position_embeddings=32,
                  max_position_embeddings=128), 128),
    "qwen2": (hf.Qwen2Config, dict(use_sliding_window=True, sliding_window=9, max_window_layers=1,
              tie_word_embeddings=True), 48),
    "qwen2_moe": (hf.Qwen2MoeConfig, dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32,
                  shared_expert_intermediate_size=40, decoder_sparse_step=1), 48),
    "qwen3": (hf.Qwen3Config, dict(head_dim=16, attention_bias=True), 48),
    "qwen3_moe": (hf.Qwen3MoeConfig, dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=32, head_dim=16,
                  norm_topk_prob=True, mlp_only_layers=[1]), 48),
    "gemma": (hf.GemmaConfig, dict(head_dim=16), 48),
    "gemma2": (hf.Gemma2Config, dict(head_dim=16, query_pre_attn_scalar=24, sliding_window=10,
               attn_logit_softcapping=20.0, final_logit_softcapping=10.0), 48),
    "gemma3": (hf.Gemma3TextConfig, dict(head_dim=16, num_hidden_layers=3, query_pre_attn_scalar=24,
               sliding_window=10, sliding_window_pattern=2, rope_scaling=dict(rope_type="linear", factor=4.0),
               max_position_embeddings=128), 128),
    "smollm3": (hf.SmolLM3Config, dict(no_rope_layer_interval=2, tie_word_embeddings=True), 48),
    "olmo2": (hf.Olmo2Config, dict(), 48),
}

# Fields of config.json as the code that came with the first Phi models wrote them.
OLD_PHI = dict(n_embd="hidden_size", n_layer="num_hidden_layers", n_head="num_attention_heads",
               n_positions="max_position_embeddings", vocab_size="vocab_size", n_inner="intermediate_size",
               layer_norm_epsilon="layer_norm_eps", activation_function="hidden_act")


def randomize(model):
    for name, p in model.named_parameters():
        is_norm = p.dim() == 1 and "norm" in name and name.endswith("weight")
        offset = 1.0 if is_norm and not model.config.model_type.startswith("gemma") else 0.0
        p.data = (offset + (0.2 if p.dim() == 1 else 0.15) * torch.randn_like(p)).half().float()


def save_old_phi(model, path):
    old = {}
    for name, t in model.state_dict().items():
        name = name.replace("model.embed_tokens", "transformer.embd.wte").replace("model.final_layernorm", "lm_head.ln")
        name = name.replace("lm_head.weight", "lm_head.linear.weight").replace("lm_head.bias", "lm_head.linear.bias")
        name = name.replace("model.layers.", "transformer.h.").replace("input_layernorm", "ln")
        old[name.replace("self_attn.dense", "mixer.out_proj")] = t
    for i in range(model.config.num_hidden_layers):
        for kind in ("weight", "bias"):
            parts = [old.pop(f"transformer.h.{i}.self_attn.{x}_proj.{kind}") for x in "qkv"]
            old[f"transformer.h.{i}.mixer.Wqkv.{kind}"] = torch.cat(parts)
    save_file({k: v.half().contiguous() for k, v in old.items()}, path / "model.safetensors")
    config = {key: getattr(model.config, field) for key, field in OLD_PHI.items()}
    config.update(architectures=["PhiForCausalLM"], model_type="phi-msft", n_head_kv=None, tie_word_embeddings=False,
                  rotary_dim=int(model.config.partial_rotary_factor * config["n_embd"] // config["n_head"]))
    (path / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def quantize(model):
    for name, module in model.named_modules():
        last = name.split(".")[-1]
        if isinstance(module, torch.nn.Linear) and last not in ("lm_head", "gate", "shared_expert_gate"):
            q, meta = Quantizer.quantize(module.weight.data, nbits=4, group_size=16, axis=1, optimize=True,
                                         round_zero=True, device="cpu", compute_dtype=torch.float32)
            module.weight.data = Quantizer.dequantize(q, meta).to(torch.float32).reshape(module.weight.shape)


def margin(logits):
    top = logits.topk(2, dim=-1).values
    return (top[..., 0] - top[..., 1]).min().reshape(1)


def make(name, out, seed):
    cls, extra, tokens = CASES[name]
    torch.manual_seed(seed)
    config = cls(**{**SMALL, **extra})
    config._attn_implementation = "eager"
    model = hf.AutoModelForCausalLM.from_config(config).float().eval()
    randomize(model)
    path = out / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    if name == "phi_old":
        save_old_phi(model, path)
    else:
        copy.deepcopy(model).half().save_pretrained(path)  # half() would round the rotary frequencies of `model`, too
        (path / "generation_config.json").unlink(missing_ok=True)
    ids = torch.randint(3, config.vocab_size, (2 if tokens < 64 else 1, tokens))
    with torch.no_grad():
        golden = dict(input_ids=ids, logits=model(ids).logits.float())
        # Without a cache: with one, transformers loses the causal mask where longrope changes its factors.
        made = model.generate(ids[:, :PROMPT], max_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0,
                              use_cache=False, return_dict_in_generate=True, output_logits=True)
        golden["greedy"] = made.sequences[:, PROMPT:].clone()
        golden["greedy_margin"] = margin(torch.stack(made.logits))
        quantize(model)
        golden["logits_q4"] = model(ids).logits.float()
    save_file({k: v.contiguous() for k, v in golden.items()}, path / "golden.safetensors")
    bytes_ = sum(f.stat().st_size for f in path.iterdir())
    print(f"{name:14} {bytes_ / 1024:6.0f} KiB  std {golden['logits'].std():.2f}  greedy margin "
          f"{golden['greedy_margin'].item():.4f}")


if __name__ == "__main__":
    for case in CASES:
        make(case, Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
