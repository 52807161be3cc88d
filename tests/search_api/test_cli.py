"""The commands of this room, where they fail before anything is begun."""

import socket

import pytest

from lookalike.errors import ConfigurationError
from search_api.listening import check_free
from tests.services import run


def test_a_taken_address_is_told_with_what_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        finished = run(["serve"], {"LOOKALIKE_BIND": bind})
    assert finished.returncode == 2
    assert finished.stderr.startswith(f"lookalike: {bind} cannot be listened on")
    assert "--bind or LOOKALIKE_BIND" in finished.stderr


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:0", "[::1]:0", "unix:/run/x", "fd://3"])
def test_a_free_address_is_none(bind: str) -> None:
    check_free(bind)


@pytest.mark.parametrize("bind", ["192.0.2.1:80", "nowhere.invalid:80", "127.0.0.1:99999"])
def test_an_address_that_is_not_this_machine_s_is_told(bind: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be listened on"):
        check_free(bind)
