"""Pictures of pages: kept small, and compared block by block, so that a letter's edge may differ and no block may.

The browser reads and counts the pixels; nothing but it is needed. A picture that is kept has at most 64 colours, one
byte a pixel (PNG 1.2, colour type 3): a tenth of what a screenshot takes.
"""

import base64
import struct
import zlib
from pathlib import Path

from playwright.async_api import Page

BLOCK = 4  # pixels
TOLERANCE = 20  # of 255, by which the mean colour of a block may differ: edges of letters do, between versions
COLOURS = 64
PIXELS = """const pixels = async (png) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const brush = new OffscreenCanvas(image.width, image.height).getContext('2d');
  brush.drawImage(image, 0, 0);
  return brush.getImageData(0, 0, image.width, image.height);
};"""
# The commonest colours, and for every pixel the nearest of them.
REDUCE = """async ([png, most]) => {
  PIXELS;
  const {width, height, data} = await pixels(png), keys = new Uint32Array(width * height), count = new Map();
  for (let i = 0; i < keys.length; i++) {
    keys[i] = (data[4 * i] & 0xf8) << 16 | (data[4 * i + 1] & 0xf8) << 8 | (data[4 * i + 2] & 0xf8);
    count.set(keys[i], (count.get(keys[i]) || 0) + 1);
  }
  const colours = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, most).map(([key]) => key);
  const apart = (a, b) => [16, 8, 0].reduce((sum, bits) => sum + ((a >> bits & 255) - (b >> bits & 255)) ** 2, 0);
  const nearest = new Map([...count.keys()].map((key) =>
    [key, colours.reduce((best, one, at) => apart(one, key) < apart(colours[best], key) ? at : best, 0)]));
  let bytes = '';
  for (const key of keys) bytes += String.fromCharCode(nearest.get(key));
  return [width, height, colours, btoa(bytes)];
}""".replace("PIXELS;", PIXELS)
COMPARE = """async ([one, other, block, tolerance]) => {
  PIXELS;
  const [a, b] = [await pixels(one), await pixels(other)], found = [];
  if (a.width !== b.width || a.height !== b.height)
    return [`${a.width}×${a.height} became ${b.width}×${b.height}`];
  for (let top = 0; top < a.height; top += block) for (let left = 0; left < a.width; left += block) {
    const sum = [0, 0, 0]; let count = 0;
    for (let y = top; y < Math.min(top + block, a.height); y++)
      for (let x = left; x < Math.min(left + block, a.width); x++, count++)
        for (let c = 0; c < 3; c++) { const at = (y * a.width + x) * 4 + c; sum[c] += a.data[at] - b.data[at]; }
    if (Math.max(...sum.map(Math.abs)) / count > tolerance) found.push(`${left},${top}`);
  }
  return found;
}""".replace("PIXELS;", PIXELS)


async def reduced(page: Page, png: bytes) -> bytes:
    """The same picture in few colours. `page` is any page of a browser; it is left empty."""
    await page.goto("about:blank")
    width, height, colours, pixels = await page.evaluate(REDUCE, [base64.b64encode(png).decode(), COLOURS])
    rows = base64.b64decode(pixels)
    lines = b"".join(b"\0" + rows[top * width : (top + 1) * width] for top in range(height))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(colour.to_bytes(3, "big") for colour in colours)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        ]
    )


async def differences(page: Page, one: bytes, other: bytes) -> list[str]:
    """Where two PNGs differ: the corners of blocks, as "left,top"; or that their sizes do. `page` is left empty."""
    if page.url != "about:blank":
        await page.goto("about:blank")
    encoded = [base64.b64encode(png).decode() for png in (one, other)]
    found: list[str] = await page.evaluate(COMPARE, [*encoded, BLOCK, TOLERANCE])
    return found


def kept(file: Path) -> bytes:
    """A picture that was committed."""
    assert file.exists(), f"no picture {file}: `make screenshots` takes it"
    return file.read_bytes()


def keep(file: Path, picture: bytes) -> None:
    """Write a picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
