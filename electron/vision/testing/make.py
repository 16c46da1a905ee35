"""Makes the pictures in data/ and, beside each, what transformers' CLIPImageProcessor makes of it: NAME.STEPS.rgb, the 8-bit values
[height][width][3] before rescaling and normalising. Needs transformers 4.57, Pillow and numpy:  python make.py"""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from transformers import CLIPImageProcessor

DATA = Path(__file__).parent / "data"
STEPS = {
    "clip": dict(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48}),
    "bilinear": dict(size={"shortest_edge": 40}, resample=2, crop_size={"height": 56, "width": 32}),
    "exact": dict(size={"height": 30, "width": 64}, resample=1, do_center_crop=False),
}
rng = np.random.default_rng(7)


def drawn(width, height):
    coarse = (rng.random((height // 8 + 2, width // 8 + 2, 3)) * 255).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC)).astype(float)
    return Image.fromarray((smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8))


def main():
    DATA.mkdir(exist_ok=True)
    wide, tall, small = drawn(200, 133), drawn(81, 170), drawn(31, 40)
    turned = Image.Exif()
    turned[0x112] = 6
    wide.save(DATA / "wide.jpg", quality=88)
    wide.save(DATA / "turned.jpg", quality=85, exif=turned)
    tall.save(DATA / "tall.webp", quality=80)
    alpha = rng.integers(0, 255, (40, 31), dtype=np.uint8)
    Image.fromarray(np.dstack([np.asarray(small), alpha])).save(DATA / "small.png")
    wide.convert("P", palette=Image.Palette.ADAPTIVE).save(DATA / "palette.png")
    wide.convert("L").save(DATA / "gray.jpg", quality=85)
    for path in sorted(DATA.iterdir()):
        if path.suffix in (".rgb", ".json"):
            continue
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        for name, steps in STEPS.items():
            made = CLIPImageProcessor(**steps, do_rescale=False, do_normalize=False)(picture, return_tensors="np")
            made["pixel_values"][0].transpose(1, 2, 0).astype(np.uint8).tofile(DATA / f"{path.name}.{name}.rgb")
    (DATA / "steps.json").write_text(json.dumps(STEPS, indent=1) + "\n")


main()
