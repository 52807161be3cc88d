"""What only the parser itself can be asked: exact messages, and that nothing crashes it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.json_reader import read_object, refuse_overflow, to_bytes
from model_server.status import Refusal


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b"{1: 2}", "Missing a name for object member. at offset: 1"),
        (b'{"a": }', "Invalid value. at offset: 6"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        (b'{"a": Inf, "b": }', "Invalid value. at offset: "),
        (b'{"a": Inf, "b": ' + b"9" * 5000 + b"}", "Number too big to be stored in double."),
    ],
)
def test_reasons_are_the_real_parser_s(body: bytes, message: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_object(body)
    assert refusal.value.message.startswith(f"JSON Parse error: {message}")


@pytest.mark.parametrize("start", [b'{"a":', b'{"a": Inf, "b":'])
def test_nesting_does_not_crash_it(start: bytes) -> None:
    with pytest.raises(Refusal, match="nested too deeply"):
        read_object(start + b"[" * 100_000)


def test_strings_that_look_like_infinities_stay() -> None:
    assert read_object(b'{"a": Inf, "Inf": "-Inf \\" Inf"}')["Inf"] == '-Inf " Inf'


def test_infinities_that_were_written_are_no_overflow() -> None:
    refuse_overflow(b'{"a": Inf, "b": -Infinity, "c": 1e300} 1e400')
    with pytest.raises(Refusal, match="Number too big to be stored in double"):
        refuse_overflow(b'{"a": Inf, "b": -1e400}')


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        document = read_object(body)
    except Refusal as refusal:
        to_bytes(refusal.message)
    else:
        assert isinstance(document, dict)


@settings(deadline=None)
@given(st.binary(max_size=60).map(lambda raw: raw.replace(b'"', b"").replace(b"\\", b"")))
def test_any_bytes_of_a_string_come_back(raw: bytes) -> None:
    raw = bytes(byte for byte in raw if byte >= 0x20)
    assert to_bytes(read_object(b'{"a": "' + raw + b'"}')["a"]) == raw
