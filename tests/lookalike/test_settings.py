import pytest

from lookalike.errors import ConfigurationError
from lookalike.settings import Settings


def test_defaults_stand_where_the_environment_says_nothing() -> None:
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.model == "embedder"


def test_variables_are_read_by_their_names_and_converted() -> None:
    settings = Settings.from_environment(
        {"LOOKALIKE_WORKERS": "3", "LOOKALIKE_POLL_SECONDS": "0.5", "LOOKALIKE_STORE": "s3://b/x"}
    )
    assert (settings.workers, settings.poll_seconds, settings.store) == (3, 0.5, "s3://b/x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOOKALIKE_WORKERS", "none"),
        ("LOOKALIKE_WORKERS", "0"),
        ("LOOKALIKE_POLL_SECONDS", "-1"),
        ("LOOKALIKE_MAX_BODY_BYTES", "1.5"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Settings.from_environment({name: value})
