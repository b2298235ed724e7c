"""Pictures as people upload them, drawn anew: what is served is what we have written. Pure.

A file that is two things at once, or hides something behind its picture, does not outlive that; nor
does what a camera wrote about place and time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000  # of all frames together
WIDEST = 1200  # twice the width of a message, for screens with small dots
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_SVG = re.compile(rb"<(?:svg|\?xml|!doctype svg)", re.IGNORECASE)


class BadPicture(ValueError):
    """Nothing that we draw; the text says why, and what to do."""


class Drawn(NamedTuple):
    content: bytes
    kind: str  # jpeg, png or gif: what every mail program shows
    width: int
    height: int


def redraw(content: bytes) -> Drawn:
    """The picture in a file, at most WIDEST, without metadata. Raises BadPicture."""
    if len(content) > MOST_BYTES:
        raise BadPicture("A picture takes at most 10 MB.")
    if _SVG.search(content[:1024]):
        raise BadPicture(
            "SVG can hold scripts, and mail programs do not show it: save it as PNG, twice as "
            "large as it is to be shown."
        )
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as picture:
            return _drawn(picture)
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture(f"It has far more than {MOST_PIXELS // 1_000_000} Mpx.") from None
    except UnidentifiedImageError:
        raise BadPicture(
            "This is no picture that mail programs show: JPEG, PNG, GIF or WebP."
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged file makes decoders raise whatever there is
        raise BadPicture(f"The file is damaged: {type(error).__name__}.") from None


def _drawn(picture: Image.Image) -> Drawn:
    frames = getattr(picture, "n_frames", 1) if picture.format in ("GIF", "WEBP") else 1
    if picture.width * picture.height * frames > MOST_PIXELS:
        each = f", {frames} times" if frames > 1 else ""
        raise BadPicture(
            f"It has {picture.width} × {picture.height} pixels{each}; more than "
            f"{MOST_PIXELS // 1_000_000} million are too many."
        )
    return _animation(picture) if frames > 1 else _still(picture)


def _still(picture: Image.Image) -> Drawn:
    if picture.format in ("JPEG", "MPO"):
        picture.draft("RGB", (2 * WIDEST, 2 * WIDEST))  # large photos are read at a fraction
    is_photo = picture.format in ("JPEG", "MPO", "WEBP")
    drawn = ImageOps.exif_transpose(picture)
    is_clear = "transparency" in drawn.info or drawn.mode in ("RGBA", "LA", "PA")
    drawn = _narrowed(_in_srgb(drawn).convert("RGBA" if is_clear else "RGB"))
    if is_photo and not is_clear:
        return _written(drawn, "jpeg", quality=85, optimize=True, progressive=True)
    return _written(drawn, "png", optimize=True)


def _animation(picture: Image.Image) -> Drawn:
    frames, durations = [], []
    for frame in _frames(picture):
        frames.append(_narrowed(frame.convert("RGBA")))
        durations.append(frame.info.get("duration") or 100)
    repeats = {"loop": picture.info["loop"]} if "loop" in picture.info else {}
    first, *others = frames
    return _written(
        first, "gif", save_all=True, append_images=others, duration=durations, disposal=2, **repeats
    )


def _frames(picture: Image.Image) -> Iterator[Image.Image]:
    for frame in ImageSequence.Iterator(picture):
        if frame.width * frame.height > MOST_PIXELS:  # a later frame may widen the picture
            raise BadPicture("One of its frames is too large.")
        yield frame


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The same colours for those who heed no profile: it goes with the other metadata."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    try:
        own, usual = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(picture, own, usual, outputMode=mode) or picture
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile says nothing


def _narrowed(picture: Image.Image) -> Image.Image:
    if picture.width <= WIDEST:
        return picture
    height = max(1, round(picture.height * WIDEST / picture.width))
    return picture.resize((WIDEST, height), Image.Resampling.LANCZOS)


def _written(picture: Image.Image, kind: str, **options: Any) -> Drawn:
    clean = picture.copy()
    clean.info = {}
    file = BytesIO()
    clean.save(file, kind.upper(), **options)
    return Drawn(file.getvalue(), kind, picture.width, picture.height)
