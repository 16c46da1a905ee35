"""Makes the golden cases beside this file: tiny models that see, with random weights, computed by transformers and hqq. Needs
torch, transformers 4.57 and hqq 0.2.8:  python make.py OUT_DIR [SEED]

clip    both towers; pixel_values and larger_values (position embeddings stretched), input_ids (padded after the end token),
        image_embeds, larger_embeds, text_embeds, logits_per_image, all float32; image_embeds_q4, text_embeds_q4 with every
        linear layer at 4 bits, group size 16
timm    the same vision tower under timm's names and with its GELU, positions stretched with antialiasing; x, larger_x, out,
        larger_out
llava*  pixel_values of two pictures, input_ids with their tokens, logits, logits_q4 (language model alone), greedy (12 ids)
        and greedy_margin; llava_list reads two layers and keeps the class token, its tensors have the newer names"""

import copy
import json
import shutil
import sys
from pathlib import Path

import torch
import transformers as hf
from hqq.core.quantize import Quantizer
from safetensors.torch import save_file

VISION = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=32, patch_size=8)
TEXT = dict(vocab_size=64, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
            max_position_embeddings=16, bos_token_id=62, eos_token_id=63, pad_token_id=63)
LANGUAGE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
PICTURE = 60


def randomize(model):
    for name, p in model.named_parameters():
        if p.dim() == 0:
            continue
        offset = 1.0 if p.dim() == 1 and "norm" in name and name.endswith("weight") else 0.0
        p.data = (offset + (0.2 if p.dim() == 1 else 0.15) * torch.randn_like(p)).half().float()


def quantize(model):
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name.split(".")[-1] != "lm_head":
            q, meta = Quantizer.quantize(module.weight.data, nbits=4, group_size=16, axis=1, optimize=True,
                                         round_zero=True, device="cpu", compute_dtype=torch.float32)
            module.weight.data = Quantizer.dequantize(q, meta).to(torch.float32).reshape(module.weight.shape)


def folder(out, name):
    path = out / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def save_golden(path, golden):
    save_file({k: v.contiguous() for k, v in golden.items()}, path / "golden.safetensors")
    print(path.name, sum(f.stat().st_size for f in path.iterdir()) // 1024, "KiB")


def make_clip(out):
    config = hf.CLIPConfig(vision_config={**VISION, "hidden_act": "quick_gelu"}, text_config=TEXT, projection_dim=20)
    config._attn_implementation = "eager"
    model = hf.CLIPModel(config).float().eval()
    randomize(model)
    model.logit_scale.data = torch.tensor(3.5)
    path = folder(out, "clip")
    copy.deepcopy(model).half().save_pretrained(path)
    pixels, larger = torch.randn(2, 3, 32, 32), torch.randn(1, 3, 56, 40)
    ids = torch.tensor([[62, 5, 9, 17, 63, 63], [62, 8, 63, 63, 63, 63], [62, 3, 3, 40, 7, 63]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    both = model(input_ids=ids, pixel_values=pixels, attention_mask=mask)
    golden = dict(pixel_values=pixels, larger_values=larger, input_ids=ids,
                  image_embeds=model.get_image_features(pixels), text_embeds=model.get_text_features(ids, mask),
                  larger_embeds=model.get_image_features(larger, interpolate_pos_encoding=True),
                  logits_per_image=both.logits_per_image)
    quantize(model)
    golden["image_embeds_q4"] = model.get_image_features(pixels)
    golden["text_embeds_q4"] = model.get_text_features(ids, mask)
    save_golden(path, golden)


def make_timm(out):
    config = hf.CLIPVisionConfig(**VISION, hidden_act="gelu", projection_dim=20)
    config._attn_implementation = "eager"
    model = hf.CLIPVisionModelWithProjection(config).float().eval()
    randomize(model)
    path = folder(out, "timm")
    names = {"vision_model.embeddings.patch_embedding": "patch_embed.proj", "vision_model.pre_layrnorm": "norm_pre",
             "vision_model.post_layernorm": "norm", "visual_projection": "head"}
    inside = {"layer_norm1": "norm1", "layer_norm2": "norm2", "self_attn.out_proj": "attn.proj"}
    state, saved = model.state_dict(), {}
    for name, t in state.items():
        for old, new in names.items():
            name = name.replace(old, new)
        name = name.replace("vision_model.encoder.layers.", "blocks.")
        for old, new in inside.items():
            name = name.replace(old, new)
        if "q_proj" in name:
            source = f"vision_model.encoder.layers.{name.split('.')[1]}.self_attn.%s_proj.{name.split('.')[-1]}"
            name = name.replace("self_attn.q_proj", "attn.qkv")
            t = torch.cat([state[source % x] for x in "qkv"])
        if "k_proj" not in name and "v_proj" not in name and "position_ids" not in name:
            saved[name] = t
    saved["cls_token"] = saved.pop("vision_model.embeddings.class_embedding").reshape(1, 1, -1)
    saved["pos_embed"] = saved.pop("vision_model.embeddings.position_embedding.weight").unsqueeze(0)
    save_file({k: v.half().contiguous() for k, v in saved.items()}, path / "model.safetensors")
    described = dict(architecture="vit_tiny_patch8_clip_32", num_classes=20, model_args=dict(num_heads=4),
                     pretrained_cfg=dict(input_size=[3, 32, 32], interpolation="bicubic", crop_pct=0.9,
                                         mean=[0.48, 0.46, 0.41], std=[0.27, 0.26, 0.28]))
    (path / "config.json").write_text(json.dumps(described, indent=1) + "\n")
    x, larger = torch.randn(2, 3, 32, 32), torch.randn(1, 3, 24, 48)
    golden = dict(x=x, larger_x=larger, out=model(x).image_embeds)
    positions = state["vision_model.embeddings.position_embedding.weight"]
    grid = positions[1:].reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=(3, 6), mode="bicubic", antialias=True)
    stretched = torch.cat([positions[:1], grid.permute(0, 2, 3, 1).flatten(0, 2)])
    embeddings = model.vision_model.embeddings
    patches = embeddings.patch_embedding(larger).flatten(2).transpose(1, 2)
    rows = torch.cat([embeddings.class_embedding.expand(1, 1, -1), patches], dim=1) + stretched
    hidden = model.vision_model.encoder(inputs_embeds=model.vision_model.pre_layrnorm(rows)).last_hidden_state
    golden["larger_out"] = model.visual_projection(model.vision_model.post_layernorm(hidden[:, 0]))
    save_golden(path, golden)


def make_llava(out, name, text, **extra):
    config = hf.LlavaConfig(vision_config=hf.CLIPVisionConfig(**VISION), text_config=text, image_token_index=PICTURE, **extra)
    config._attn_implementation = "eager"
    model = hf.LlavaForConditionalGeneration(config).float().eval()
    randomize(model)
    path = folder(out, name)
    copy.deepcopy(model).half().save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)
    if name == "llava_list":
        save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, path / "model.safetensors")
    rows = 17 if extra.get("vision_feature_select_strategy") == "full" else 16
    ids = torch.tensor([[1, 7] + [PICTURE] * rows + [9, 11] + [PICTURE] * rows + [13, 21, 30]])
    pixels = torch.randn(2, 3, 32, 32)
    made = model.generate(input_ids=ids, pixel_values=pixels, max_new_tokens=12, do_sample=False, eos_token_id=None,
                          pad_token_id=0, return_dict_in_generate=True, output_logits=True)
    top = torch.stack(made.logits).topk(2, dim=-1).values
    golden = dict(input_ids=ids, pixel_values=pixels, logits=model(input_ids=ids, pixel_values=pixels).logits.float(),
                  greedy=made.sequences[:, ids.shape[1]:].clone(), greedy_margin=(top[..., 0] - top[..., 1]).min().reshape(1))
    quantize(model.model.language_model)
    golden["logits_q4"] = model(input_ids=ids, pixel_values=pixels).logits.float()
    save_golden(path, golden)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with torch.no_grad():
        make_clip(target)
        make_timm(target)
        make_llava(target, "llava", hf.LlamaConfig(**LANGUAGE))
        make_llava(target, "llava_list", hf.Qwen2Config(**{**LANGUAGE, "tie_word_embeddings": True}),
                   vision_feature_layer=[-2, -1], vision_feature_select_strategy="full")
        make_llava(target, "llava_gemma", hf.GemmaConfig(**LANGUAGE, head_dim=16), vision_feature_layer=2)
