"""Makes the files of torch.save in this folder and in pytorch_bin beside it, each with the logits that its own package gives. Needs
torch, transformers 4.57.6, hqq 0.2.8 and safetensors:  python make.py DATA_DIR"""

import json
import sys
from pathlib import Path

import torch
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
from hqq.models.hf.base import AutoHQQHFModel
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM


def llama(vocabulary, hidden, inner, tied):
    config = LlamaConfig(vocab_size=vocabulary, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
                         tie_word_embeddings=tied, architectures=['LlamaForCausalLM'])
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(3)
    return model.half()


def save_shards(folder):
    """Two shards and their index; some matrices are stored transposed, as views are."""
    model = llama(4096, 16, 32, True)
    model.config.save_pretrained(folder)
    state = {name: value for name, value in model.state_dict().items() if name != 'lm_head.weight'}
    weight_map = {}
    for number, names in enumerate([list(state)[: len(state) // 2], list(state)[len(state) // 2:]], 1):
        shard = f'pytorch_model-0000{number}-of-00002.bin'
        weight_map |= dict.fromkeys(names, shard)
        torch.save({name: state[name].t().contiguous().t() if 'q_proj' in name else state[name] for name in names},
                   folder / shard)
    index = {'metadata': {'total_size': 2 * sum(value.numel() for value in state.values())}, 'weight_map': weight_map}
    (folder / 'pytorch_model.bin.index.json').write_text(json.dumps(index, indent=1))
    ids = torch.tensor([[1, 53, 1382, 647, 265, 581, 461, 316]])
    with torch.no_grad():
        logits = model.float()(ids).logits
    save_file({'input_ids': ids, 'last_logits': logits[:, -1:].contiguous()}, folder / 'golden.safetensors')


def save_qmodel(folder):
    model = llama(64, 32, 64, False)
    layers = {'self_attn.q_proj': (4, 64, 1), 'self_attn.k_proj': (3, 64, 1), 'self_attn.v_proj': (8, 32, 0),
              'self_attn.o_proj': (4, 64, 1), 'mlp.gate_proj': (2, 16, 1), 'mlp.up_proj': (4, 32, 0)}
    config = {name: BaseQuantizeConfig(nbits=nbits, group_size=group_size, axis=axis)
              for name, (nbits, group_size, axis) in layers.items()}
    AutoHQQHFModel.quantize_model(model, quant_config=config, compute_dtype=torch.float16, device='cpu')
    AutoHQQHFModel.save_quantized(model, str(folder))
    for module in model.modules():
        if isinstance(module, HQQLinear):
            module.compute_dtype = module.meta['compute_dtype'] = torch.float32
            for key in ('scale', 'zero'):
                module.meta[key] = module.meta[key].float()
        else:
            module.float()
    ids = torch.tensor([[1, 53, 13, 60, 26, 58, 46, 31]])
    with torch.no_grad():
        logits = model(ids).logits
    save_file({'input_ids': ids, 'logits': logits.contiguous()}, folder / 'golden.safetensors')


torch.manual_seed(7)
for name, save in (('pytorch_bin', save_shards), ('qmodel', save_qmodel)):
    place = Path(sys.argv[1]) / name
    place.mkdir(exist_ok=True)
    save(place)
