"""What the commands of this room print for people."""

from pathlib import Path

from click.testing import CliRunner

from indexing.changes_cli import delete
from indexing.index_cli import index


def test_an_empty_store_says_how_it_is_filled(tmp_path: Path) -> None:
    environment = {"LOOKALIKE_STORE": str(tmp_path)}
    listed = CliRunner().invoke(index, ["list"], env=environment)
    assert listed.exit_code == 0
    assert listed.stdout == ""
    assert "'lookalike reindex' publishes one" in listed.stderr
    assert CliRunner().invoke(index, ["list", "--json"], env=environment).stdout == "[]\n"


def test_an_id_that_no_version_has_is_told(tmp_path: Path) -> None:
    environment = {"LOOKALIKE_STORE": str(tmp_path)}
    told = CliRunner().invoke(delete, ["bird/crov.png"], env=environment)
    assert "recorded bird/crov.png: no version has it, so that nothing is gone" in told.stdout
    assert "deleted" not in told.stdout
