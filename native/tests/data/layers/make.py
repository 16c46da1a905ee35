"""Makes the golden layers beside this file with the programs whose formats they are, and what those programs dequantize them
to. Needs torch, numpy, safetensors, compressed-tensors 0.20.0, bitsandbytes 0.50.2, and the sources of auto-gptq 0.7.1 and
autoawq 0.2.9 in PYTHONPATH:  python make.py OUT_DIR

A case is a folder with config.json and model.safetensors: the layer "m" as stored, and "expected", the weight [out, in]."""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

OUT, IN = 64, 128


def source(name, *suffixes):
    """A module of a package that would import much more."""
    for base in sys.path:
        path = Path(base, *suffixes)
        if path.exists():
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise SystemExit(f"{'/'.join(suffixes)} is not in PYTHONPATH")


def save(out, name, config, tensors, expected):
    folder = Path(out, name)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {f"m.{key}": value.contiguous() for key, value in tensors.items()} | {"expected": expected.contiguous()}
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"quantization_config": config}, indent=1) + "\n")


def affine(weight, nbits, groups, symmetric):
    """Scales and integer zeros [out, groups] of a weight whose columns are ordered by group."""
    grouped, top = weight.reshape(OUT, groups, -1), 2**nbits - 1
    if symmetric:
        scale = grouped.abs().amax(-1) * 2 / top
        return scale.half(), torch.full_like(scale, (top + 1) // 2).int()
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    scale = ((high - low) / top).half()
    return scale, (-low / scale).round().clamp(1, top).int()


def gptq(out, nbits, symmetric=False, permuted=False, second=False, g_idx=True, group=32):
    quant = source("qlinear_cuda", "auto_gptq", "nn_modules", "qlinear", "qlinear_cuda.py")
    layer = quant.QuantLinear(nbits, group, IN, OUT, bias=False)
    linear = torch.nn.Linear(IN, OUT, bias=False)
    groups = IN // (group if group > 0 else IN)
    index = torch.arange(IN) // (IN // groups)
    if permuted:
        index = index[torch.randperm(IN)]
    order = torch.argsort(index, stable=True)
    scale, zero = affine(linear.weight.data[:, order], nbits, groups, symmetric)
    layer.pack(linear.half().float(), scale.float(), zero.float(), index.int())
    layer.scales = layer.scales.half()
    # On the CPU this package multiplies by the dequantized weight: an identity brings it out.
    layer.autogptq_cuda_available = False
    expected = layer(torch.eye(IN, dtype=torch.float16)).t()
    tensors = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales}
    if g_idx:
        tensors["g_idx"] = layer.g_idx.int()
    config = {"quant_method": "gptq", "bits": nbits, "group_size": group, "sym": symmetric, "desc_act": permuted}
    if second:
        config["checkpoint_format"] = "gptq_v2"
        # The same layer with zero points as they are: one added to each field.
        tensors["qzeros"] = shift_fields(layer.qzeros, nbits)
    name = f"gptq{'_v2' if second else ''}_{nbits}bit{'_sym' if symmetric else ''}{'_desc_act' if permuted else ''}"
    save(out, name + ("" if g_idx else "_no_index") + ("_channel" if group < 0 else ""), config, tensors, expected)


def shift_fields(qzeros, nbits):
    rows = []
    for row in qzeros.tolist():
        stream = sum((word & 0xFFFFFFFF) << (32 * i) for i, word in enumerate(row))
        mask = (1 << nbits) - 1
        moved = sum((((stream >> (i * nbits)) + 1) & mask) << (i * nbits) for i in range(OUT))
        words = [(moved >> (32 * i)) & 0xFFFFFFFF for i in range(len(row))]
        rows.append([word - (1 << 32) if word >> 31 else word for word in words])
    return torch.tensor(rows, dtype=torch.int32)


def awq(out, group=32):
    packing = source("packing_utils", "awq", "utils", "packing_utils.py")
    weight = torch.randn(OUT, IN) * 0.02
    groups = IN // group
    scale, zero = affine(weight, 4, groups, False)
    q = (weight.reshape(OUT, groups, -1) / scale[..., None] + zero[..., None]).round().clamp(0, 15).int().reshape(OUT, IN)

    def pack(values):  # as awq/modules/linear/gemm.py: from_linear
        words = torch.zeros(values.shape[0], values.shape[1] // 8, dtype=torch.int32)
        for column in range(words.shape[1]):
            for i, place in enumerate(packing.AWQ_ORDER):
                words[:, column] |= values[:, column * 8 + place] << (i * 4)
        return words

    tensors = {"qweight": pack(q.t()), "qzeros": pack(zero.t()), "scales": scale.t().contiguous()}
    expected = packing.dequantize_gemm(tensors["qweight"], tensors["qzeros"], tensors["scales"], 4, group).t()
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    save(out, "awq", config, tensors, expected)


def compressed(out, nbits, symmetric, strategy, dtype=torch.float16, order=False, nested=False):
    from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor as Compressor
    from compressed_tensors.compressors.pack_quantized import unpack_from_int32
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    group = 32 if strategy == "group" else None
    args = QuantizationArgs(num_bits=nbits, type="int", symmetric=symmetric, strategy=strategy, group_size=group)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    weight = torch.randn(OUT, IN) * 0.02
    scale, zero = affine(weight, nbits, IN // 32 if group else 1, symmetric)
    zero = (zero - 2 ** (nbits - 1)).to(torch.int8)
    state = {"weight": weight.to(dtype), "weight_scale": scale.to(dtype), "weight_zero_point": zero}
    packed = Compressor.compress(state, scheme)
    if order:
        # Written by versions before 0.20: the group of each column is listed.
        index = (torch.arange(IN) // 32)[torch.randperm(IN)]
        packed["weight_g_idx"] = index.int()
        values = unpack_from_int32(packed["weight_packed"], nbits, torch.Size([OUT, IN]))
        expected = values.to(dtype) * state["weight_scale"][:, index]
    else:
        expected = Compressor.decompress(dict(packed), scheme)["weight"]
    config = {"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["lm_head"], "config_groups": {
        "group_0": {"targets": ["Linear"], "input_activations": None, "weights": json.loads(args.model_dump_json())}}}
    if nested:
        config = {"quant_method": "compressed-tensors", "quantization_config": config, "sparsity_config": {}}
    name = f"compressed_{nbits}bit_{strategy}{'' if symmetric else '_zeros'}{'_order' if order else ''}"
    save(out, name + ("_bf16" if dtype == torch.bfloat16 else ""), config, packed, expected)


def bitsandbytes_4bit(out, kind, double):
    import bitsandbytes.functional as bnb

    weight = (torch.randn(OUT, IN) * 0.02).half()
    packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=double)
    tensors = {"weight": packed} | {f"weight.{key}": value for key, value in state.as_dict(packed=True).items()}
    config = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind,
              "bnb_4bit_use_double_quant": double}
    save(out, f"bitsandbytes_{kind}{'_double' if double else ''}", config, tensors, bnb.dequantize_4bit(packed, state))


def bitsandbytes_8bit(out):
    import bitsandbytes.functional as bnb

    weight = (torch.randn(OUT, IN) * 0.02).half()
    values, scales, _ = bnb.int8_vectorwise_quant(weight)
    tensors = {"weight": values, "SCB": scales.float(), "weight_format": torch.tensor(0, dtype=torch.uint8)}
    config = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    save(out, "bitsandbytes_int8", config, tensors, bnb.int8_vectorwise_dequant(values, scales).half())


def main(out):
    torch.manual_seed(7)
    for nbits in (2, 3, 4, 8):
        gptq(out, nbits)
    gptq(out, 4, symmetric=True)
    gptq(out, 4, symmetric=True, g_idx=False)
    gptq(out, 4, permuted=True)
    gptq(out, 4, second=True)
    gptq(out, 3, second=True)
    gptq(out, 4, symmetric=True, group=-1)
    awq(out)
    compressed(out, 4, True, "group")
    compressed(out, 4, False, "group")
    compressed(out, 4, True, "group", dtype=torch.bfloat16, nested=True)
    compressed(out, 8, True, "channel")
    compressed(out, 8, False, "channel")
    compressed(out, 3, False, "group")
    compressed(out, 4, True, "group", order=True)
    for kind, double in (("nf4", False), ("nf4", True)):
        bitsandbytes_4bit(out, kind, double)
    bitsandbytes_8bit(out)


main(sys.argv[1])
