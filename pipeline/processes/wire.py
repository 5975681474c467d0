"""What readers of logs hand over, as bytes that are parsed and never run.

MessagePack, parsed by the type that the caller expects: a value of another type, a dtype that is
not a number's, or a shape that its bytes do not fill, is an error. A frame is its length in 8
bytes, then as many bytes.
"""

from __future__ import annotations

import dataclasses
import struct
import typing
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal, TypeVar

import msgspec
import numpy as np

LENGTH = struct.Struct("<q")
NUMBERS = frozenset(
    ["|b1", *(f"{'|' if size == 1 else '<'}{k}{size}" for k in "iu" for size in (1, 2, 4, 8))]
) | {"<f4", "<f8"}
"""The dtypes of arrays, besides texts."""
SLACK = 64
"""Bytes that a message may have beyond its content."""
TEXTS = "O"
"""Stands for a column of str."""
Value = TypeVar("Value")
Kind = Literal["batch", "again", "smaller", "gone", "error", "end"]


class BadMessage(Exception):
    """A message that is not of the form that is expected."""


class Message(msgspec.Struct, array_like=True, frozen=True):
    """What a reader, or its child, says.

    Attributes
    ----------
    kind : str
        "batch": the logs before `upto` are read, `content` is what they come to, and `is_over`
        whether its process reads no other. "again": log `upto` is to be read by a fresh process;
        what was read since the last batch is not handed over. "smaller": a batch cannot be
        reduced. "gone": log `upto` is not there. "error": `content` says why the job failed.
        "end": the job is done.
    """

    kind: Kind
    upto: int = 0
    is_over: bool = False
    content: msgspec.Raw = msgspec.Raw(b"\xc0")


def frame(message: Message) -> bytes:
    """A message as it is written to a pipe."""
    data = encode(message)
    return LENGTH.pack(len(data)) + data


def read(stream: IO[bytes], most: int) -> Message:
    """The next message of a stream.

    Raises
    ------
    EOFError
        It ends.
    BadMessage
        It is not a message, or has more than `most` bytes.
    """
    (size,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    if not 0 <= size <= most + SLACK:
        raise BadMessage(f"a message of {size:,} bytes, {most:,} at most")
    message: Message = decode(_exactly(stream, size), Message)
    return message


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def messages(buffer: bytearray, most: int) -> Iterator[Message]:
    """Take the whole messages from the beginning of what was received.

    Raises
    ------
    BadMessage
        One is not a message, or has more than `most` bytes.
    """
    while len(buffer) >= LENGTH.size:
        (size,) = LENGTH.unpack_from(buffer)
        if not 0 <= size <= most:
            raise BadMessage(f"a message of {size:,} bytes, {most:,} at most")
        end = LENGTH.size + size
        if len(buffer) < end:
            return
        data = bytes(memoryview(buffer)[LENGTH.size : end])
        del buffer[:end]
        yield decode(data, Message)


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


def check_form(found: Any, empty: Any) -> None:
    """Compare a result with what no logs come to: tables of the same columns, all of one length.

    Parameters
    ----------
    found, empty
        Dataclasses of the same type; others are not compared.

    Raises
    ------
    BadMessage
        A table has other columns or dtypes, or columns of several lengths.
    """
    if not dataclasses.is_dataclass(empty) or type(found) is not type(empty):
        return
    for field in dataclasses.fields(empty):
        expected, got = getattr(empty, field.name), getattr(found, field.name)
        if isinstance(expected, Mapping) and _is_table(expected):
            columns = {name: (one.dtype, one.ndim) for name, one in expected.items()}
            if {name: (one.dtype, one.ndim) for name, one in got.items()} != columns:
                raise BadMessage(f"{field.name}: other columns than {', '.join(columns)}")
            if len({len(one) for one in got.values()}) > 1:
                raise BadMessage(f"{field.name}: columns of several lengths")


def _is_table(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(one, np.ndarray) for one in value.values())
