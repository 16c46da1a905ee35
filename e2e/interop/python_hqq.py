#!/usr/bin/env python3
"""Shows that what is written here loads in Python: quantizes a model with this application, loads the folder with the real hqq and
transformers 4.57, writes it as qmodel.pt and loads that with hqq alone, and compares the logits of both. Run by hand, since it installs 1 GB of packages:

    python3 e2e/interop/python_hqq.py MODEL_FOLDER [--venv FOLDER] [--cli FILE] [--option ...]

--cli names another entry of the command line. Everything else after the model goes to `cli quantize`; default is 4 bits in groups of 64. Ends with 1 when logits differ by more than 1e-3.
transformers 5 loads such folders with no HQQ layer at all, so the versions are pinned.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ['torch', 'transformers==4.57.6', 'hqq==0.2.8', 'accelerate', 'safetensors']
TOLERANCE = 1e-3


def in_own_venv(folder: Path) -> None:
    """Continues with the packages' own interpreter, which is made when it is not there."""
    python = folder / 'bin' / 'python'
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not python.exists():
        subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
        index = ['--extra-index-url', 'https://download.pytorch.org/whl/cpu']
        subprocess.run([python, '-m', 'pip', 'install', '-q', *index, *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def run_cli(entry: Path, *arguments: str) -> None:
    subprocess.run(['node', entry, *arguments], check=True, stdout=subprocess.DEVNULL)


def with_transformers(folder: Path):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map='cpu')


def with_hqq(folder: Path):
    import torch
    from hqq.models.hf.base import AutoHQQHFModel

    return AutoHQQHFModel.from_quantized(str(folder), compute_dtype=torch.float32, device='cpu')


def compare(loaded_by, folder: Path, ours: Path, ids: list[list[int]]) -> float:
    import torch
    from hqq.core.quantize import HQQLinear
    from safetensors.torch import load_file

    model = loaded_by(folder).eval()
    layers = [module for module in model.modules() if isinstance(module, HQQLinear)]
    if not layers:
        raise SystemExit(f'no HQQ layer was made of {folder}')
    # The stored type is kept for the layers; float32 is what we compared in.
    for layer in layers:
        layer.compute_dtype = torch.float32
        layer.meta['compute_dtype'] = torch.float32
        for key in ('scale', 'zero'):
            if key in layer.meta:
                layer.meta[key] = layer.meta[key].float()
        if layer.bias is not None:
            layer.bias = layer.bias.float()
    with torch.no_grad():
        theirs = model(torch.tensor(ids)).logits
    difference = (theirs - load_file(ours)['logits']).abs()
    print(f'{loaded_by.__name__}: {len(layers)} HQQ layers, logits differ by {difference.max():.2e} at most, {difference.mean():.2e} in the mean')
    return float(difference.max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', type=Path)
    parser.add_argument('--venv', type=Path, default=ROOT / 'e2e/artifacts/interop-venv')
    parser.add_argument('--cli', type=Path, default=ROOT / 'electron/setup/cli.mjs')
    options, quantize = parser.parse_known_args()
    in_own_venv(options.venv)
    vocabulary = json.loads((options.model / 'config.json').read_text())['vocab_size']
    ids = [[(7 + 131 * row + 29 * i) % vocabulary for i in range(40)] for row in range(2)]
    with tempfile.TemporaryDirectory() as place:
        folder, logits, ids_file = Path(place) / 'quantized', Path(place) / 'logits.safetensors', Path(place) / 'ids.json'
        ids_file.write_text(json.dumps(ids))
        data = ['--data-dir', f'{place}/data']
        cli = partial(run_cli, options.cli)
        cli('quantize', '--model', str(options.model), '--out', str(folder), *(quantize or ['--nbits', '4', '--group-size', '64']), *data)
        cli('logits', '--model', str(folder), '--ids', str(ids_file), '--out', str(logits), *data)
        saved = Path(place) / 'qmodel'
        cli('convert', '--from', str(folder), '--to', 'qmodel', '--out', str(saved), *data)
        if max(compare(with_transformers, folder, logits, ids), compare(with_hqq, saved, logits, ids)) > TOLERANCE:
            raise SystemExit(f'the logits are more than {TOLERANCE} apart')


if __name__ == '__main__':
    main()
