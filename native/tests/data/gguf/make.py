"""Makes blocks.safetensors: random blocks of every block type, and what the `gguf` package of llama.cpp's authors reads from them.

    python -m venv v && v/bin/pip install gguf==0.19.0 safetensors && v/bin/python make.py
"""
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize
from safetensors.numpy import save_file

# Where each block holds its float16 scales, and how many bytes it has.
HALVES = {"Q4_0": ([0], 18), "Q4_1": ([0, 2], 20), "Q5_0": ([0], 22), "Q5_1": ([0, 2], 24), "Q8_0": ([0], 34), "Q2_K": ([80, 82], 84),
          "Q3_K": ([108], 110), "Q4_K": ([0, 2], 144), "Q5_K": ([0, 2], 176), "Q6_K": ([208], 210)}
COUNT = 6
rng = np.random.default_rng(0)
out = {}
for name, (halves, size) in HALVES.items():
    raw = rng.integers(0, 256, (COUNT, size), dtype=np.uint8)
    for at in halves:
        scale = rng.normal(0, 0.05, COUNT).astype(np.float16)
        scale[-1] = 0  # groups of equal values
        raw[:, at:at + 2] = scale.view(np.uint8).reshape(COUNT, 2)
    if len(halves) == 2 and not name.endswith("K"):
        raw[-1, halves[1]:halves[1] + 2] = np.array([0.25], np.float16).view(np.uint8)
    out[f"{name}.raw"] = raw
    out[f"{name}.values"] = dequantize(raw, T[name]).astype(np.float32)
save_file(out, "blocks.safetensors")
