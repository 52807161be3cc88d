"""``lookalike index prune --models``: what no index names, and no index is on its way with."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.index_cli import index
from lookalike.store import open_indexes, open_models
from tests.model_server.test_sync import MODEL, export, reindex


@pytest.mark.parametrize(
    ("named", "stay"),
    [
        ([], ["1", "2", "3", "4", "5"]),
        ([3], ["3", "4", "5"]),
        ([1, 3], ["1", "3", "4", "5"]),
        ([5], ["5"]),
        ([9], ["5"]),  # the index's own model has gone: the newest stays all the same
    ],
)
def test_models_stay_that_are_named_or_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[int], stay: list[str]
) -> None:
    monkeypatch.setenv("LOOKALIKE_STORE", str(tmp_path))
    models = open_models(str(tmp_path), MODEL)
    for _ in range(5):
        export(models)
    for version in named:
        reindex(open_indexes(str(tmp_path), "default"), version)
    ran = CliRunner().invoke(index, ["prune", "--models", "--json"], catch_exceptions=False)
    assert ran.exit_code == 0
    assert models.versions() == stay
    assert sorted([*json.loads(ran.stdout)["models"], *stay]) == ["1", "2", "3", "4", "5"]
