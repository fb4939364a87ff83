"""Protocol Buffers: four writers, and a reader for replies.

What may live here: the wire format. What may not: any message.

A message is the concatenation of its fields, so the result of a writer is a piece of a message.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from struct import Struct, pack
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
"""Wire types. Groups (3 and 4) are not in use any more."""

MAX_VARINT_BYTES: Final = 10
"""Bytes of the longest number, which has 64 bits."""

_DOUBLE: Final = Struct('<d').pack
_UNSIGNED: Final = Struct('<Q').pack


class MalformedError(ValueError):
    """Bytes that are no message."""


def number(value: int) -> bytes:
    """A number from 0 to 2^64 - 1, as a varint without a tag."""
    if value < 0x80:
        return value.to_bytes(1, 'little')
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def zigzag(value: int) -> int:
    """The number that stands for a signed one of a field of the type ``sint32`` or ``sint64``."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def tag(field: int, wire_type: int) -> bytes:
    """What a field begins with."""
    return number(field << 3 | wire_type)


def varint(field: int, value: int) -> bytes:
    """A field of the type ``uint32``, ``uint64``, ``bool`` or of an enumeration."""
    return tag(field, VARINT) + number(value)


def fixed(field: int, value: float) -> bytes:
    """A field of the type ``fixed64`` for a whole number, and of the type ``double`` for a float."""
    return tag(field, FIXED64) + (_UNSIGNED(value) if isinstance(value, int) else _DOUBLE(value))


def text(field: int, value: bytes) -> bytes:
    """A field of the type ``bytes`` or ``string``, or a message."""
    return tag(field, BYTES) + number(len(value)) + value


def packed(field: int, values: Collection[float], form: str) -> bytes:
    """A repeated field of numbers.

    :param field: its number
    :param values: none of them makes no field
    :param form: their type: ``Q`` for ``fixed64``, ``d`` for ``double``, ``v`` for ``uint64``
    """
    if not values:
        return b''
    if form == 'v':
        return text(field, b''.join(map(number, values)))  # type: ignore[arg-type]  # they are whole numbers
    return text(field, pack(f'<{len(values)}{form}', *values))


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the fields of a message: the number of each, with a number or with its bytes.

    :raises MalformedError: the bytes are no message
    """
    position, end = 0, len(message)
    while position < end:
        key, position = read_number(message, position)
        field, wire_type = key >> 3, key & 7
        if not field:
            raise MalformedError('a field has the number 0')
        if wire_type == VARINT:
            value, position = read_number(message, position)
            yield field, value
            continue
        if wire_type == BYTES:
            length, position = read_number(message, position)
        elif wire_type in _FIXED_LENGTHS:
            length = _FIXED_LENGTHS[wire_type]
        else:
            raise MalformedError(f'a field has the wire type {wire_type}')
        if position + length > end:
            raise MalformedError('a field is longer than the message')
        yield field, message[position : position + length]
        position += length


_FIXED_LENGTHS: Final = {FIXED64: 8, FIXED32: 4}


def read_number(message: bytes, position: int) -> tuple[int, int]:
    """Read a varint at a position: the number, and the position behind it.

    :raises MalformedError: there is none
    """
    value = 0
    for index, byte in enumerate(message[position : position + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise MalformedError('a number does not end')
