"""Makes src/test/resources/image/formats: one picture in each format and kind that is read.

Usage: python3 picture_formats.py FOLDER

Needs Pillow (9.4), numpy, libtiff's tiffcp (4.5), libwebp's cwebp and webpmux (1.2) and ImageMagick (6.9). A file is
called EXPECTED-KIND.EXTENSION, and EXPECTED.png is what has to come out of it.
"""

import os
import subprocess
import sys

import numpy
from PIL import Image

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
os.chdir(folder)


def run(*command):
    subprocess.run(command, check=True)


def over_white(picture):
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


x, y = numpy.meshgrid(numpy.arange(41), numpy.arange(29))
colours = numpy.stack([6 * x, 8 * y, 255 - 3 * x - 4 * y], 2)
smooth = Image.fromarray(colours.astype(numpy.uint8))
colours[5:12, 7:19] = 255, 0, 40
colours = colours.astype(numpy.uint8)
rgb = Image.fromarray(colours)
rgb.save("rgb.png")

# TIFF
rgb.save("rgb-strips.tif")
for compression in "tiff_lzw", "tiff_adobe_deflate", "packbits":
    rgb.save("rgb-" + compression.replace("tiff_", "") + ".tif", compression=compression)
run("tiffcp", "-t", "-w", "16", "-l", "16", "rgb-strips.tif", "rgb-tiles.tif")
run("tiffcp", "-t", "-w", "32", "-l", "16", "-c", "zip:2", "-B", "rgb-strips.tif", "rgb-tiles_predictor_big_endian.tif")
run("tiffcp", "-p", "separate", "-c", "lzw:2", "rgb-strips.tif", "rgb-planes.tif")
run("tiffcp", "-8", "-c", "lzw", "rgb-strips.tif", "rgb-bigtiff.tif")
run("convert", "rgb.png", "-depth", "16", "-compress", "lzw", "-define", "tiff:predictor=2", "rgb-16_bits.tif")
rgb.save("rgb-pages.tif", save_all=True, append_images=[Image.new("RGB", (3, 2))])
upside_down = Image.Exif()
upside_down[0x0112] = 3
rgb.transpose(Image.ROTATE_180).save("rgb-upside_down.tif", exif=upside_down)
rgb.save("jpeg-tiff.tif", compression="jpeg", quality=95)
Image.open("jpeg-tiff.tif").convert("RGB").save("jpeg.png")

grey = rgb.convert("L")
grey.convert("RGB").save("grey.png")
grey.save("grey-8_bits.tif", compression="tiff_lzw")
Image.fromarray(numpy.array(grey).astype(numpy.uint16) * 257).save("grey-16_bits.tif", compression="tiff_adobe_deflate")

bilevel = rgb.convert("1")
bilevel.convert("RGB").save("bilevel.png")
for compression in "group3", "group4", "packbits":
    bilevel.save("bilevel-" + compression + ".tif", compression=compression)
bilevel.save("bilevel-1_bit.bmp")

palette = rgb.quantize(60)
palette.convert("RGB").save("palette.png")
palette.save("palette-lzw.tif", compression="tiff_lzw")
palette.save("palette-8_bits.bmp")
palette.save("palette-gif.gif", optimize=False)
palette.save("palette-interlaced.gif", interlace=1)
run("convert", "palette.png", "-compress", "RLE", "BMP3:palette-rle8.bmp")
few = rgb.quantize(13)
few.convert("RGB").save("few.png")
run("convert", "few.png", "-type", "palette", "-compress", "RLE", "BMP3:few-rle4.bmp")
few.save("few-4_bits.tif", compression="tiff_lzw", bits=4)

inks = rgb.convert("CMYK")
inks.putdata([(c, m, k, (c + 2 * m) // 4) for c, m, k, _ in inks.getdata()])
inks.convert("RGB").save("inks.png")
inks.save("inks-cmyk.tif", compression="tiff_lzw")
run("tiffcp", "-p", "separate", "inks-cmyk.tif", "inks-planes.tif")
inks.save("inksjpeg-cmyk.jpg", quality=95, subsampling=0)
Image.open("inksjpeg-cmyk.jpg").convert("RGB").save("inksjpeg.png")
# The same bytes, said to be luminance, chrominance and black.
data = bytearray(open("inksjpeg-cmyk.jpg", "rb").read())
data[data.index(b"Adobe") + 11] = 2
open("ycck-adobe.jpg", "wb").write(data)
Image.open("ycck-adobe.jpg").convert("RGB").save("ycck.png")

# Transparency
clear = rgb.copy()
clear.putalpha(Image.fromarray(((5 * x + 3 * y) % 256).astype(numpy.uint8)))
over_white(clear).save("clear.png")
clear.save("clear-unassociated.tif", compression="tiff_lzw")
clear.save("clear-lossless.webp", lossless=True, exact=True)
greyclear = grey.copy()
greyclear.putalpha(clear.getchannel("A"))
over_white(greyclear).save("greyclear.png")
greyclear.save("greyclear-two_samples.tif", compression="tiff_adobe_deflate")
greyclear.save("greyclear-two_samples.png")
gif = palette.copy()
gif.info["transparency"] = gif.getpixel((40, 0))
over_white(gif).save("hole.png")
gif.save("hole-palette.gif", transparency=gif.info["transparency"], optimize=False)
gif.save("hole-palette.png", transparency=gif.info["transparency"])

# BMP
rgb.save("rgb-24_bits.bmp")
run("convert", "rgb.png", "-define", "bmp:subtype=RGB565", "BMP:bmp565-masks.bmp")
Image.open("bmp565-masks.bmp").convert("RGB").save("bmp565.png")
rgb.convert("RGBA").save("rgb-32_bits.bmp")

# WebP
rgb.save("rgb-lossless.webp", lossless=True)
rgb.transpose(Image.ROTATE_180).save("rgb-upside_down.webp", lossless=True, exif=upside_down)
rgb.save("rgb-animated.webp", save_all=True, append_images=[Image.new("RGB", rgb.size)], lossless=True)
# Smooth, since decoders differ in how they spread the colours, of which there is one for four pixels.
smooth.save("lossy-webp.webp", quality=90)
Image.open("lossy-webp.webp").convert("RGB").save("lossy.png")
smooth.putalpha(clear.getchannel("A"))
smooth.save("clear.tmp.png")
for name, options in {
    "raw": ["-alpha_method", "0"],
    "raw_filtered": ["-alpha_method", "0", "-alpha_filter", "best"],
    "packed": ["-alpha_method", "1", "-alpha_filter", "best"],
}.items():
    run("cwebp", "-quiet", "-q", "90", *options, "clear.tmp.png", "-o", "lossyclear-" + name + ".webp")
over_white(Image.open("lossyclear-raw.webp")).save("lossyclear.png")
os.remove("clear.tmp.png")

# First frames that do not fill the screen.
screen = Image.new("RGB", (50, 40), (255, 255, 255))
screen.paste(rgb, (6, 8))
screen.save("screen.png")
run("webpmux", "-frame", "rgb-lossless.webp", "+100+6+8", "-frame", "rgb-lossless.webp", "+100+0+0", "-o", "tight.webp")
data = bytearray(open("tight.webp", "rb").read())
at = data.index(b"VP8X") + 12
data[at : at + 6] = (49).to_bytes(3, "little") + (39).to_bytes(3, "little")
open("screen-animated.webp", "wb").write(data)
os.remove("tight.webp")
palettescreen = Image.new("RGB", (50, 40), (255, 255, 255))
palettescreen.paste(palette.convert("RGB"), (6, 8))
palettescreen.save("palettescreen.png")
data = bytearray(open("palette-gif.gif", "rb").read())
data[6:10] = (50).to_bytes(2, "little") + (40).to_bytes(2, "little")
at = data.index(b"\x2c\0\0\0\0")
data[at + 1 : at + 5] = (6).to_bytes(2, "little") + (8).to_bytes(2, "little")
open("palettescreen-offset.gif", "wb").write(data)
