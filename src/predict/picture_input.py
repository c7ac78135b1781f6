"""Pictures of any kind (paths, bytes, open files, PIL images, arrays, tensors), read as upright RGB images."""

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Union

import numpy as np
from PIL import Image

from src.datasets.picture_files import DAMAGED, open_picture, upright
from src.errors import InputError, about

if TYPE_CHECKING:
    from torch import Tensor

Encoded = bytes | bytearray | memoryview
Picture = Union[str, Path, Encoded, BinaryIO, Image.Image, np.ndarray, "Tensor"]
Channels = Literal["RGB", "BGR"]
_SHAPES = "expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, or of floats in [0, 1]"
_PART, _MOST_BYTES = 4_000_000, 400_000_000  # of a stream: 64 megapixels of 6 bytes each


def is_one_picture(pictures: object) -> bool:
    """Whether this is one picture (or not iterable at all); an array or tensor with four axes is a list of pictures."""
    is_whole = isinstance(pictures, str | Path | Encoded | Image.Image) or not isinstance(pictures, Iterable)
    return is_whole or hasattr(pictures, "read") or getattr(pictures, "ndim", 4) <= 3


def read_picture(picture: Picture, *, channels: Channels = "RGB") -> Image.Image:
    """An RGB picture as viewers show it (EXIF rotation applied, transparency over black, 16 bits scaled to 8).

    picture: a path; the bytes of a picture file, or one that is open for reading them; a PIL image; an array (H, W) or
    (H, W, 1) gray, (H, W, 3) or, with alpha, (H, W, 4); or a tensor (1, 3 or 4, H, W). Arrays and tensors are uint8, or
    float in [0, 1]. channels: their order in arrays and tensors; OpenCV's is "BGR". Raises InputError for anything
    else, and for a picture that cannot be decoded.
    """
    if channels not in ("RGB", "BGR"):
        raise InputError(f"expected channels RGB or BGR, found {channels!r}")
    if isinstance(picture, str) and "://" in picture:
        raise InputError(f"expected a picture's path, found the address {picture}; download it first")
    if isinstance(picture, str | Path):
        with about(Path(picture)), open_picture(picture) as image:
            return upright(image)
    if hasattr(picture, "read"):
        picture = _read_stream(picture)
    if isinstance(picture, Encoded):
        with open_picture(io.BytesIO(picture)) as image:
            return upright(image)
    if isinstance(picture, Image.Image):
        return _from_image(picture)
    if _is_tensor(picture):
        picture = _array_of(picture)
    if not isinstance(picture, np.ndarray):
        raise InputError(f"expected a path, bytes, PIL image, array or tensor, found {type(picture).__name__}")
    return _from_array(picture, channels)


def _read_stream(stream: BinaryIO) -> bytearray:
    """What is left of an open file, which may be a pipe without end. Raises InputError."""
    content = bytearray()
    while part := stream.read(_PART):
        if isinstance(part, str):
            raise InputError("expected a file opened in binary mode, found one of text")
        content += part
        if len(content) > _MOST_BYTES:
            raise InputError(f"expected a picture file of at most {_MOST_BYTES / 1e6:g} MB, found a longer stream")
    if not content:
        raise InputError("expected a picture in the open file, found its end; go back to its start with seek(0)")
    return content


def _from_image(picture: Image.Image) -> Image.Image:
    if 0 in picture.size:
        raise InputError(f"expected a picture, found one of {picture.width} x {picture.height} pixels")
    try:
        return upright(picture)
    except (*DAMAGED, AssertionError) as error:  # the image was opened but not decoded before
        raise InputError(f"the picture cannot be decoded ({str(error) or 'it was closed before'})") from None


def _is_tensor(picture: object) -> bool:
    """Whether this is a tensor, without importing PyTorch: if nobody has imported it, there are no tensors."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(picture, torch.Tensor)


def _array_of(picture: "Tensor") -> np.ndarray:
    """A tensor (C, H, W) as an array (H, W, C) of uint8."""
    if picture.ndim != 3 or picture.shape[0] not in (1, 3, 4):
        raise InputError(f"expected a tensor (3, H, W), found the shape {tuple(picture.shape)}")
    if picture.numel() == 0:
        raise InputError(f"expected a tensor (3, H, W), found {tuple(picture.shape)}, which is empty")
    if picture.is_meta or picture.is_quantized or str(picture.layout) != "torch.strided":
        raise InputError("expected a dense tensor with values in memory, found a meta, quantized or sparse one")
    picture = picture.detach()
    if picture.is_floating_point():
        _check_shares(picture)
        picture = (255 * picture).round().byte()
    return picture.cpu().permute(1, 2, 0).numpy()


def _check_shares(picture: "np.ndarray | Tensor") -> None:
    low, high = float(picture.min()), float(picture.max())
    if not 0 <= low <= high <= 1:  # also false for NaN
        raise InputError(f"expected a picture of floats in [0, 1], found {low:g} to {high:g}")


def _from_array(picture: np.ndarray, channels: Channels) -> Image.Image:
    if np.ma.is_masked(picture):  # the mask would be ignored
        raise InputError(f"{_SHAPES}, found masked values; fill them first, as with .filled(0)")
    picture = picture[..., 0] if picture.shape[2:] == (1,) else picture
    if picture.dtype.kind == "f" and picture.size:
        _check_shares(picture)
        picture = np.rint(255 * picture).astype(np.uint8)
    is_gray = picture.ndim == 2
    if (not is_gray and (picture.ndim != 3 or picture.shape[2] not in (3, 4))) or picture.dtype != np.uint8:
        raise InputError(f"{_SHAPES}, found {picture.shape} of {picture.dtype}")
    if 0 in picture.shape:
        raise InputError(f"{_SHAPES}, found {picture.shape}, which is empty")
    if is_gray:
        return Image.fromarray(picture).convert("RGB")
    if channels == "BGR":
        picture = np.concatenate([picture[..., 2::-1], picture[..., 3:]], axis=-1)
    if picture.shape[2] == 3:
        return Image.fromarray(picture)
    return upright(Image.fromarray(picture))  # (H, W, 4) is RGBA
