"""What processes that read logs hand over, as bytes that are parsed and never run.

MessagePack, parsed by the type that the caller expects: a value of another type, a dtype that is
not a number's, or a shape that its bytes do not fill, is an error.
"""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import numpy as np

from archive_tools.core.errors import InputChanged, MissingPackage, SourceError, TokioError

NUMBERS = frozenset(
    ["|b1", *(f"{'|' if size == 1 else '<'}{k}{size}" for k in "iu" for size in (1, 2, 4, 8))]
) | {"<f4", "<f8"}
"""The dtypes of arrays, besides texts."""
TEXTS = "O"
"""Stands for a column of str."""
ERRORS = (InputChanged, MissingPackage, SourceError)
"""What a reader may raise in its caller."""


class BadMessage(Exception):
    """A message that is not of the form that is expected."""


def encode(value: Any) -> bytes:
    """A value of plain types, dataclasses and arrays as bytes."""
    return msgspec.msgpack.encode(value, enc_hook=_packed)


def decode(data: bytes | msgspec.Raw, form: Any) -> Any:
    """The value of some bytes.

    Parameters
    ----------
    data : bytes
    form : type
        What it must be.

    Raises
    ------
    BadMessage
        It is something else.
    """
    try:
        return msgspec.msgpack.decode(data, type=form, dec_hook=_unpacked)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise BadMessage(str(error)) from None


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return TEXTS, value.shape, value.ravel().tolist()
        return _dtype_name(value.dtype), value.shape, value.tobytes()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be handed over")


def _dtype_name(dtype: np.dtype[Any]) -> Any:
    return dtype.descr if dtype.names else dtype.str


_ARRAY = tuple[str | list[tuple[str, str]], tuple[int, ...], list[str] | bytes]


def _unpacked(form: Any, value: Any) -> Any:
    if typing.get_origin(form) is not np.ndarray and form is not np.ndarray:
        raise TypeError(f"{form} is not handed over")
    name, shape, content = msgspec.convert(value, _ARRAY)
    if not shape or min(shape) < 0 or len(shape) > 2:
        raise ValueError(f"an array of shape {shape}")
    if isinstance(content, list):
        if name != TEXTS:
            raise ValueError("texts instead of numbers")
        found = np.empty(len(content), dtype=object)
        found[:] = content
    elif not NUMBERS.issuperset([name] if isinstance(name, str) else [one for _, one in name]):
        raise ValueError(f"dtype {name!r}")
    else:
        found = np.frombuffer(content, np.dtype(name))
    expected = typing.get_args(typing.get_args(form)[1])[0] if typing.get_args(form) else Any
    if expected is not Any and found.dtype != np.dtype(expected):
        raise ValueError(f"dtype {found.dtype} instead of {np.dtype(expected)}")
    return found.reshape(shape)


def error_fields(error: Exception) -> list[str]:
    """An error as a reader hands it over."""
    if isinstance(error, TokioError):
        return [type(error).__name__, error.what, error.expected, error.got, error.hint]
    return [type(error).__name__, f"{type(error).__name__}: {error}", "", "", ""]


def error_of(fields: list[str]) -> TokioError:
    """The error that a reader handed over.

    Raises
    ------
    BadMessage
        There are more or fewer fields.
    """
    if len(fields) != 5:
        raise BadMessage(f"an error of {len(fields)} fields")
    name, what, expected, got, hint = fields
    kind = next((one for one in ERRORS if one.__name__ == name), SourceError)
    return kind(what, expected=expected, got=got, hint=hint)
