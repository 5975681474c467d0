"""What readers of logs say, message by message: a frame is its length in 8 bytes, then as many
bytes, which are parsed by the type that the caller expects (`packing`).
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal

import msgspec
import numpy as np

from archive_tools.core.packing import BadMessage, decode, encode

LENGTH = struct.Struct("<q")
SLACK = 64
"""Bytes that a message may have beyond its content."""
Kind = Literal["batch", "again", "smaller", "gone", "error", "end"]


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
