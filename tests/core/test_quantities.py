"""Quantities as text: the same number looks the same everywhere, and can be read back."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_tools.core import quantities
from archive_tools.core.quantities import Scale

BYTE_UNITS = ["bytes", "bytes/s"]
OTHER_UNITS = ["ops", "ops/s", "%", "inodes", "1", ""]
ORDER = list(quantities.BYTES)
AMOUNTS = st.floats(0, 1e30, allow_subnormal=False) | st.integers(0, 2**80)
SIGNED = st.floats(-1e300, 1e300, allow_subnormal=False)


def parsed(text: str) -> tuple[float, str]:
    """A quantity's number and unit."""
    number, _, unit = text.partition(" ")
    return float(number.replace(",", "")), unit


def in_bytes(text: str) -> float:
    number, unit = parsed(text)
    return number * quantities.BYTES[unit.removesuffix("/s")]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "bytes", "–"),
        (math.nan, "bytes", "–"),
        (math.nan, "ops", "–"),
        (0, "bytes", "0 B"),
        (-0.0, "bytes/s", "0 B/s"),
        (-0.0, "ops", "0 ops"),
        (1023, "bytes", "1,023 B"),
        (1023.6, "bytes", "1.0 KiB"),
        (1024, "bytes", "1.0 KiB"),
        (2**20 - 1, "bytes", "1.0 MiB"),
        (1023.9 * 1024, "bytes", "1,023.9 KiB"),
        (-3 * 2**30, "bytes/s", "-3.0 GiB/s"),
        (2**60, "bytes", "1.0 EiB"),
        (2.0**90, "bytes", "1,024.0 YiB"),
        (math.inf, "bytes", "inf YiB"),
        (math.inf, "ops", "inf ops"),
        (12.3456, "%", "12.35 %"),
        (999.96, "ops/s", "1,000 ops/s"),
        (1234567.8, "ops/s", "1,234,568 ops/s"),
        (7, "1", "7"),
        (7, "", "7"),
        (0.00001234, "1", "1.234e-05"),
    ],
)
def test_quantities(value: float | None, unit: str, shown: str) -> None:
    assert quantities.quantity(value, unit) == shown


@given(SIGNED, st.sampled_from(BYTE_UNITS))
@example(2.0**20 - 1, "bytes")
@example(1023.95 * 1024, "bytes")
@example(1023.5, "bytes/s")
def test_bytes_can_be_read_back_within_the_precision_shown(value: float, unit: str) -> None:
    text = quantities.quantity(value, unit)
    _, name = parsed(text)
    factor = quantities.BYTES[name.removesuffix("/s")]
    step = factor / 10 if factor > 1 else 1.0
    assert in_bytes(text) == pytest.approx(value, abs=step / 2 * (1 + 1e-9), rel=1e-12)
    assert name.endswith("/s") == unit.endswith("/s")


@given(SIGNED, st.sampled_from(OTHER_UNITS))
def test_other_quantities_can_be_read_back_within_the_precision_shown(
    value: float, unit: str
) -> None:
    number, name = parsed(quantities.quantity(value, unit))
    assert name == ("" if unit == "1" else unit)
    assert number == pytest.approx(value, abs=0.5 if abs(value) >= 999 else 0, rel=5.1e-4)


@given(SIGNED, st.sampled_from(BYTE_UNITS))
@example(2.0**20 - 1, "bytes")
@example(1023.6, "bytes")
def test_no_number_before_a_unit_of_bytes_fills_the_next_one(value: float, unit: str) -> None:
    number, name = parsed(quantities.quantity(value, unit))
    assert abs(number) < 1024 or name.startswith("YiB")
    assert abs(number) >= 1 or name.startswith("B")


@given(AMOUNTS, AMOUNTS)
def test_larger_amounts_have_no_smaller_prefix(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for texts in (
        [parsed(quantities.quantity(value, "bytes"))[1] for value in (low, high)],
        [quantities.scale("bytes", value).unit for value in (low, high)],
    ):
        assert ORDER.index(texts[0]) <= ORDER.index(texts[1])
    assert quantities.scale("ops", low).factor <= quantities.scale("ops", high).factor


@given(SIGNED, st.sampled_from(BYTE_UNITS + OTHER_UNITS))
def test_a_negative_quantity_is_the_positive_one_with_a_sign(value: float, unit: str) -> None:
    positive = quantities.quantity(abs(value), unit)
    assert quantities.quantity(-abs(value), unit) in (f"-{positive}", positive)
    assert not quantities.quantity(value, unit).startswith(("-0 ", "-0.0 "))


@pytest.mark.parametrize(
    ("unit", "largest", "factor", "shown"),
    [
        ("bytes/s", 1023.0, 1, "B/s"),
        ("bytes/s", 1023.9, 1024, "KiB/s"),
        ("bytes/s", 1024.0, 1024, "KiB/s"),
        ("bytes", 3.0 * 2**40, 2**40, "TiB"),
        ("bytes", 1e40, 2**80, "YiB"),
        ("ops/s", 9_999_999.0, 1, "ops/s"),
        ("ops/s", 1e7, 10**6, "10⁶ ops/s"),
        ("1", 5e9, 10**9, "10⁹"),
        ("%", 0.0, 1, "%"),
    ],
)
def test_units_have_the_prefix_that_the_largest_value_wants(
    unit: str, largest: float, factor: float, shown: str
) -> None:
    assert quantities.scale(unit, largest) == Scale(float(factor), shown)


@given(SIGNED, st.sampled_from(BYTE_UNITS + OTHER_UNITS))
def test_a_value_in_its_own_scale_can_be_read_back(value: float, unit: str) -> None:
    scale = quantities.scale(unit, abs(value))
    text = scale.shown(value)
    number = float(text.partition("×")[0].partition(" ")[0].replace(",", ""))
    assert number * scale.factor == pytest.approx(value, rel=5.1e-3)
    assert "e+" not in text.partition(" ")[0] or abs(number) >= 1000
    if unit in BYTE_UNITS:
        assert abs(number) < 1024 or scale.unit.startswith("YiB")


def test_values_in_a_scale() -> None:
    assert quantities.scale("bytes", 2.0**30).shown(1.5 * 2**30) == "1.5 GiB"
    assert quantities.scale("ops", 3e9).shown(3e9) == "3×10⁹ ops"
    assert Scale(1.0, "ops/s").shown(999.7) == "1,000 ops/s"
    assert Scale(1.0, "").shown(-0.0) == "0"


@given(SIGNED)
def test_ticks_can_be_read_back(value: float) -> None:
    assert float(quantities.number(value).replace(",", "")) == pytest.approx(
        value, rel=1e-9 if abs(value) >= 1e-4 else 1e-5
    )


def test_numbers_are_plain() -> None:
    assert [quantities.number(value) for value in (0.0, -0.0, 1234567.0, 2.5, 1e-6)] == [
        "0",
        "0",
        "1,234,567",
        "2.5",
        "1e-06",
    ]
    assert [quantities.fixed(None), quantities.fixed(0.5), quantities.fixed(99.999, "%")] == [
        "–",
        "0.50",
        "100.00 %",
    ]
    assert [quantities.per_time(rate, "days") for rate in (2.0, 0.5)] == [
        "2.0 days/s",
        "30.0 days/min",
    ]


SIZES = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@given(st.integers(0, 10**9))
def test_a_duration_is_exact_and_in_the_largest_unit_that_it_can_be(seconds: int) -> None:
    number, unit = parsed(quantities.duration(seconds))
    assert number * SIZES[unit] == seconds
    assert seconds == 0 or all(seconds % size for size in SIZES.values() if size > SIZES[unit])


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_rounded_duration_is_near_and_grows(one: float, other: float) -> None:
    low, high = sorted((one, other))
    reported = [parsed(quantities.rounded_duration(seconds)) for seconds in (low, high)]
    for seconds, (number, unit) in zip((low, high), reported, strict=True):
        assert abs(number * SIZES[unit] - seconds) <= SIZES[unit] / 2
        assert number < {"min": 60, "h": 72, "d": math.inf}[unit]
    assert reported[0][0] * SIZES[reported[0][1]] <= reported[1][0] * SIZES[reported[1][1]]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 min"), (3569, "59 min"), (3571, "1 h"), (71.4 * 3600, "71 h"), (71.6 * 3600, "3 d")],
)
def test_rounded_durations(seconds: float, shown: str) -> None:
    assert quantities.rounded_duration(seconds) == shown


def test_node_hours() -> None:
    assert [quantities.node_hours(one) for one in (None, 0, 90, 36_000, 36_000_360)] == [
        "–",
        "0.0",
        "0.025",
        "10.0",
        "10,000.1",
    ]


def test_durations() -> None:
    assert [quantities.duration(seconds) for seconds in (0, 5, 120, 86400, 5400)] == [
        "0 s",
        "5 s",
        "2 min",
        "1 d",
        "90 min",
    ]
