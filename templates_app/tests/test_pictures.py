"""Uploaded pictures: whatever comes in, what goes out is a plain picture that we have written."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from templates_app import pictures
from templates_app.pictures import BadPicture, redraw

EXIF_TURNED = 6  # the camera lay on its side


def picture(kind: str = "png", size=(40, 30), *, mode="RGB", colour="#ff0000", **options) -> bytes:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def huge_png(width: int, height: int) -> bytes:
    """A header of many pixels with nothing behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + head, b"IDAT" + zlib.compress(b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks
    )


@pytest.mark.parametrize(
    ("kind", "mode", "becomes"),
    [
        ("jpeg", "RGB", "jpeg"),
        ("jpeg", "CMYK", "jpeg"),
        ("png", "RGBA", "png"),
        ("png", "P", "png"),
        ("gif", "P", "png"),
        ("webp", "RGB", "jpeg"),
        ("webp", "RGBA", "png"),
    ],
)
def test_a_picture_becomes_one_that_every_mail_program_shows(kind, mode, becomes):
    colour = {"CMYK": (0, 255, 255, 0), "P": 0, "RGBA": "#ff000080"}.get(mode, "#ff0000")

    drawn = redraw(picture(kind, mode=mode, colour=colour))

    assert (drawn.kind, drawn.width, drawn.height) == (becomes, 40, 30)
    assert opened(drawn.content).format.lower() == becomes


def test_large_ones_are_made_as_wide_as_twice_a_message():
    drawn = redraw(picture("jpeg", (4800, 3000)))

    assert (drawn.width, drawn.height) == (1200, 750)
    assert opened(drawn.content).size == (1200, 750)


def test_what_the_camera_noted_is_gone_and_the_picture_stands_upright():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = EXIF_TURNED, "Secret camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = picture("jpeg", exif=exif, icc_profile=profile, comment=b"who took it")

    drawn = redraw(given)

    assert (drawn.width, drawn.height) == (30, 40)
    assert b"Secret camera" in given
    assert [
        each for each in (b"Secret", b"who took it", b"ICC_PROFILE") if each in drawn.content
    ] == []
    assert opened(drawn.content).getexif() == {}


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_goes_on_moving(kind):
    file = BytesIO()
    colours = ("#ff0000", "#00ff00", "#0000ff")
    first, *others = [Image.new("RGB", (20, 10), colour) for colour in colours]
    first.save(file, kind, save_all=True, append_images=others, duration=[100, 200, 300], loop=0)

    drawn = redraw(file.getvalue())

    moving = opened(drawn.content)
    assert (drawn.kind, moving.n_frames, moving.info["loop"]) == ("gif", 3, 0)
    shown = []
    for number in range(3):
        moving.seek(number)
        shown.append((moving.convert("RGB").getpixel((5, 5)), moving.info["duration"]))
    assert [duration for _, duration in shown] == [100, 200, 300]
    assert [max(range(3), key=colour.__getitem__) for colour, _ in shown] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_what_hides_behind_a_picture_does_not_come_along(kind):
    hidden = b"<script>alert(1)</script><?php system('id') ?>PK\x03\x04"

    drawn = redraw(picture(kind, mode="P" if kind == "gif" else "RGB") + hidden)

    assert b"script" not in drawn.content
    assert b"PK\x03\x04" not in drawn.content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no picture that mail programs show"),
        (b"<html><script>alert(1)</script>", "no picture that mail programs show"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG can hold scripts"),
        (b"<?xml version='1.0'?><!DOCTYPE svg><svg/>", "SVG can hold scripts"),
        (picture("bmp"), "no picture that mail programs show"),
        (picture("tiff"), "no picture that mail programs show"),
        (picture("jpeg")[:300], "damaged"),
        (picture("png")[:60], "damaged"),
        (huge_png(7000, 6000), "7000 × 6000 pixels"),
        (huge_png(60_000, 60_000), "far more than 40 Mpx"),
        (b"\0" * (pictures.MOST_BYTES + 1), "at most 10 MB"),
    ],
    ids=range(11),
)
def test_what_is_refused_is_told_why(content, said):
    with pytest.raises(BadPicture, match=said):
        redraw(content)


def test_an_animation_counts_with_all_its_frames(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 500)
    file = BytesIO()
    frames = [Image.new("RGB", (20, 10), (shade, 0, 0)) for shade in (10, 90, 250)]
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:])

    with pytest.raises(BadPicture, match=r"20 × 10 pixels, 3 times"):
        redraw(file.getvalue())
