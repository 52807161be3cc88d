"""What an operator asks: versions, models, going back, pictures without a vector."""

import errno
import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.client import ServiceError
from lookalike.errors import PictureUnreadable, StoreError, StoreFull
from lookalike.index import PictureRow, Quarantined, QuarantineTable, write_quarantine
from lookalike.model_card import FILE_NAME, Comparison, read_model_card, write_model_card
from lookalike.store import manifest, open_models
from search_api import problems, turns
from search_api.app import bare_app
from search_api.at_hand import EXTENSION
from search_api.caller import Caller
from search_api.operating import UNTOLD, draw_quarantined, list_models, list_quarantine
from search_api.parameters import QuarantineParameters
from search_api.search import place
from search_api.writing import not_written
from tests.pictures import write_pictures
from tests.search_api.operated import REQUEST_SECONDS, Operated, aside, indexes, operated
from tests.services import run, run_here, until

__all__ = ["operated"]

MANIFEST = manifest.FILE_NAME
QUARANTINED = ("label-0/cut.jpg", "label-0/text.png")


def test_versions_have_counts_and_dates_the_newest_first(operated: Operated) -> None:
    second = operated.reindex()
    told = operated.operator.versions()
    newest, before = told.versions[:2]
    assert told.index == "default"
    assert told.current == newest.version == second
    assert (newest.current, newest.served) == (True, True)
    assert (before.current, before.served) == (False, False)
    assert newest.predecessor == before.version
    assert newest.pictures == 32
    assert newest.quarantined == 2
    assert newest.model_version == 1
    assert newest.made
    assert before.made
    assert newest.made > before.made
    assert newest.recall_at_10 is not None
    assert (newest.factory, newest.origin) == ("Flat", "catalogue")
    assert newest.obstacle is None
    own = [path for path in (indexes(operated) / second).rglob("*") if path.name != MANIFEST]
    assert newest.bytes == sum(path.stat().st_size for path in own if path.is_file())


def test_a_version_tells_that_its_model_is_gone(operated: Operated) -> None:
    model = operated.store / "models" / "embedder" / "1"
    assert operated.operator.versions().versions[0].obstacle is None
    with aside(model):
        newest = operated.operator.versions().versions[0]
        assert "does not exist" in str(newest.obstacle)
        assert newest.problem is None
        assert newest.pictures == 32


def test_models_are_told_of_by_their_cards(operated: Operated) -> None:
    told = operated.operator.models()
    assert told.name == "embedder"
    [model] = told.models
    assert (model.version, model.served, model.problem) == (1, True, None)
    assert (model.backbone, model.made) == ("toy", "2026-01-01T00:00:00Z")
    assert (model.quality, model.compared, model.forced) == ({}, None, False)
    with aside(operated.store / "models" / "embedder" / "1" / FILE_NAME):
        [model] = operated.operator.models().models
        assert "is missing from the store" in str(model.problem)
        assert model.served
        assert model.backbone is None


def test_the_newest_model_comes_first_with_what_it_was_compared_with(
    operated: Operated, tmp_path: Path
) -> None:
    models = open_models(str(tmp_path), "embedder")
    card = read_model_card(operated.store / "models" / "embedder" / "1" / FILE_NAME)
    better = Comparison(version=1, weights_sha256="", queries=40, verdict="worse")
    for told in (
        msgspec.structs.replace(card, quality={"tuned_cosine_map": 0.75}),
        msgspec.structs.replace(card, compared=better, forced=True, uncalibrated="too few"),
    ):
        with models.draft() as folder:
            write_model_card(told, folder / FILE_NAME)
            models.publish(folder, better)
    newest, first = list_models(models, None).models
    assert (newest.version, newest.served) == (2, False)
    assert (newest.compared, newest.beside, newest.forced) == ("worse", 1, True)
    assert (newest.calibration_error, newest.uncalibrated) == (None, "too few")
    assert (first.version, first.quality) == (1, {"tuned_cosine_map": 0.75})


def test_a_version_that_is_damaged_hides_no_other(operated: Operated) -> None:
    damaged = indexes(operated) / "20200101T000000.000Z-000000000000"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{}")
    try:
        told = operated.operator.versions().versions
        assert told[-1].version == damaged.name
        assert "is not the manifest" in str(told[-1].problem)
        assert told[0].problem is None
        with pytest.raises(ServiceError) as refused:
            operated.operator.roll_back(damaged.name)
        assert refused.value.problem["type"].endswith(":digest-mismatch")
        assert refused.value.problem["detail"].startswith(f"indexes/default/{damaged.name}/")
    finally:
        shutil.rmtree(damaged)


def test_neither_does_one_that_cannot_be_read(operated: Operated) -> None:
    damaged = indexes(operated) / "20200101T000000.000Z-000000000000"
    (damaged / "manifest.json").mkdir(parents=True)
    try:
        told = operated.operator.versions().versions
        listed = run_here(["index", "list"], operated.stack.environment)
    finally:
        shutil.rmtree(damaged)
    said = f"indexes/default/{damaged.name}/manifest.json cannot be read: Is a directory"
    assert (told[-1].version, told[-1].problem) == (damaged.name, said)
    assert told[0].problem is None
    first, *others = listed.stdout.splitlines()
    assert first == f"  {damaged.name}  cannot be served: {operated.store}/{said}"
    assert len(others) == len(told) - 1
    assert listed.returncode == 0


def test_one_goes_back_and_every_worker_follows(operated: Operated) -> None:
    third = operated.reindex()
    before = operated.operator.versions().versions[1].version
    told = operated.operator.roll_back()
    assert (told.version, told.before) == (before, third)
    until(lambda: operated.served() == before, what="the version before")
    assert operated.operator.roll_back(third).before == before
    until(lambda: operated.served() == third, what="the newest again")


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("20200101T000000.000Z-000000000000", "version-not-found"),
        ("../../secret", "version-not-found"),
        ("", "invalid-parameter"),
    ],
)
def test_there_is_no_way_to_a_version_that_is_none(
    operated: Operated, version: str, kind: str
) -> None:
    served = operated.served()
    with pytest.raises(ServiceError) as told:
        operated.operator.roll_back(version)
    assert told.value.problem["type"].endswith(f":{kind}")
    assert str(operated.store) not in str(told.value)
    assert operated.served() == served


def test_the_command_knows_no_other_way_either(operated: Operated) -> None:
    went = run(["index", "rollback", "nothing"], operated.stack.environment)
    assert went.returncode == StoreError.exit_code
    assert went.stderr.startswith("lookalike: the index has no complete version 'nothing'")
    before = operated.operator.versions()
    back = run(["index", "rollback", "--json"], operated.stack.environment)
    assert json.loads(back.stdout) == {
        "version": before.versions[1].version,
        "before": before.current,
    }
    again = run(["index", "rollback", str(before.current)], operated.stack.environment)
    assert again.stdout == f"CURRENT is {before.current}\n"


def test_a_version_whose_file_is_gone_is_not_gone_back_to(operated: Operated) -> None:
    version = operated.reindex()
    before = operated.operator.versions().versions[1].version
    with aside(indexes(operated) / before / "probes.msgpack"):
        with pytest.raises(ServiceError, match="is missing"):
            operated.operator.roll_back()
        assert operated.operator.versions().current == version


def test_nobody_goes_back_to_a_version_whose_model_is_gone(operated: Operated) -> None:
    current = operated.operator.versions().current
    before = operated.operator.versions().versions[1].version
    with aside(operated.store / "models" / "embedder" / "1"):
        refused = operated.asked("/index/rollback", method="POST", key=operated.key)
        by_command = run(["index", "rollback"], operated.stack.environment)
    assert refused.status_code == 404
    problem = refused.json()
    assert problem["type"].endswith(":version-not-found")
    gone = "models/embedder/1/manifest.json does not exist"
    assert problem["detail"] == f"version {before} cannot be served: {gone}"
    said = f"version {before} cannot be served: {operated.store}/{gone}"
    assert by_command.stderr == f"lookalike: {said} [version-not-found]\n"
    assert operated.operator.versions().current == current


def test_where_the_current_version_is_damaged_a_rollback_asks_which(operated: Operated) -> None:
    current = operated.operator.versions().current
    damaged = indexes(operated) / "20200101T000000.000Z-000000000000"
    damaged.mkdir()
    (damaged / MANIFEST).write_text("{}")
    (indexes(operated) / "CURRENT").write_text(f"{damaged.name}\n")
    try:
        refused = operated.asked("/index/rollback", method="POST", key=operated.key)
        assert operated.operator.roll_back(current).before == damaged.name
    finally:
        shutil.rmtree(damaged)
    assert refused.status_code == 400
    problem = refused.json()
    assert problem["type"].endswith(":bad-data")
    which = "which version was before the current one cannot be told: say which"
    assert problem["detail"].startswith(f"{which} (indexes/default/{damaged.name}/")


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock as another process does that publishes."""
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_rollback_waits_for_the_lock_as_long_as_its_caller_and_holds_nobody_up(
    operated: Operated,
) -> None:
    current = operated.operator.versions().current
    with held(indexes(operated) / ".PUBLISHING.lock"):
        for _ in range(2):
            with pytest.raises(requests.Timeout):
                operated.asked("/index/rollback", method="POST", key=operated.key, timeout=0.5)
        begun = time.monotonic()
        for path in ("/index/versions", "/models", "/quarantine"):
            assert operated.asked(path, key=operated.key, timeout=10).status_code == 200
        assert time.monotonic() - begun < REQUEST_SECONDS
        begun = time.monotonic()
        late = operated.asked("/index/rollback", method="POST", key=operated.key)
        assert time.monotonic() - begun < 2 * REQUEST_SECONDS
    assert late.status_code == 503
    assert late.json()["type"].endswith(":deadline-exceeded")
    assert late.json()["detail"].startswith("CURRENT stays as it was")
    time.sleep(1)  # whoever still waited for the lock would have it by now
    assert operated.operator.versions().current == current


def test_where_the_store_cannot_be_written_to_the_way_is_told(operated: Operated) -> None:
    """Nobody can take the lock whose place is taken, not even root, to whom no file is closed."""
    lock = indexes(operated) / ".PUBLISHING.lock"
    current = operated.operator.versions().current
    with aside(lock):
        lock.mkdir()
        refused = operated.asked("/index/rollback", method="POST", key=operated.key)
        lock.rmdir()
    assert refused.status_code == 503
    problem = refused.json()
    assert problem["type"].endswith(":store-error")
    assert problem["detail"].startswith("CURRENT cannot be written: Is a directory; in a cluster")
    assert "kubectl create job --from=cronjob/rollback rollback-$(date +%s)" in problem["detail"]
    assert operated.operator.versions().current == current


def test_a_disk_that_is_full_is_told_apart(operated: Operated) -> None:
    full = not_written(OSError(errno.ENOSPC, "No space left on device"), "CURRENT")
    assert isinstance(full, StoreFull)


def test_pictures_without_a_vector_are_listed_with_their_reasons(operated: Operated) -> None:
    told = operated.operator.quarantine()
    assert [one.id for one in told.pictures] == list(QUARANTINED)
    assert sum(told.types.values()) == 2
    assert told.pictures[1].type == "not-a-picture"
    assert all(one.uri == one.id for one in told.pictures)
    assert str(operated.stack.pictures) not in str(told)
    [only] = operated.operator.quarantine(type="not-a-picture", k=1).pictures
    assert only.id == "label-0/text.png"
    assert operated.operator.quarantine(offset=2).pictures == []


QUARANTINE = QuarantineParameters()


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("{uri} has more than 10 bytes", "the file has more than 10 bytes"),
        ("the file has more than 10 bytes", "the file has more than 10 bytes"),
        ("cut off: {uri:.20}", UNTOLD),
        ("{path} is gone", UNTOLD),
        ("[Errno 5] Input/output error: '{path}'", UNTOLD),
        ("'FILE:{quoted}' is no place", UNTOLD),
        ("Input/output error", "Input/output error"),
    ],
)
def test_no_version_tells_where_this_machine_keeps_a_file(
    tmp_path: Path, detail: str, told: str
) -> None:
    """As those of before, whose details had the file's place, maybe cut off, maybe encoded."""
    path, quarantine = "/home/secret/ü b/a.jpg", tmp_path / "quarantine.sqlite"
    uri = f"FILE://{quote(path)}"
    detail = detail.format(uri=uri, path=path, quoted=quote(path))
    write_quarantine(quarantine, [Quarantined("a.jpg", uri, "picture-too-large", detail)])
    serving: Any = SimpleNamespace(
        index=SimpleNamespace(quarantine=QuarantineTable(quarantine), name="1")
    )
    [picture] = list_quarantine(serving, QUARANTINE).pictures
    assert (picture.uri, picture.detail) == ("a.jpg", told)


def test_what_lies_elsewhere_is_told_as_it_is(tmp_path: Path) -> None:
    quarantine, uri = tmp_path / "quarantine.sqlite", "s3://bucket/a.jpg"
    write_quarantine(quarantine, [Quarantined("a.jpg", uri, "unreadable", f"{uri}: denied")])
    serving: Any = SimpleNamespace(
        index=SimpleNamespace(quarantine=QuarantineTable(quarantine), name="1")
    )
    [picture] = list_quarantine(serving, QUARANTINE).pictures
    assert (picture.uri, picture.detail) == (uri, f"{uri}: denied")


def test_a_file_s_url_is_one_however_its_scheme_is_spelt(operated: Operated) -> None:
    pictures = sorted(operated.stack.pictures.rglob("*.*"))
    rows = [f"{one.relative_to(operated.stack.pictures)},FILE://{one}" for one in pictures]
    catalogue = operated.store.parent / "shouted.csv"
    catalogue.write_text("\n".join(["id,uri", *rows]))
    again = ["reindex", str(catalogue), "--max-rejected", "1"]
    done = run([*again, "--rebuild"], operated.stack.environment)
    assert done.returncode == 0, done.stderr
    until(lambda: operated.operator.versions().versions[0].served, what="the new version")
    hits = operated.searcher.search(id="label-0/0.jpg", k=40).results
    assert [hit.uri for hit in hits] == [hit.id for hit in hits]
    told = operated.operator.quarantine().pictures
    assert [one.uri for one in told] == [one.id for one in told] == list(QUARANTINED)


def test_so_it_is_in_versions_of_before() -> None:
    assert place(PictureRow("a", "FILE:///home/secret/a.jpg", None, b"")) == "a"
    assert place(PictureRow("a", "s3://bucket/a.jpg", None, b"")) == "s3://bucket/a.jpg"


def test_a_picture_without_a_vector_is_not_drawn_where_searches_wait() -> None:
    app = bare_app()
    app.extensions[EXTENSION] = SimpleNamespace(allow=lambda *_: None)
    problems.register(app, ())
    token = turns._has_turn.set(False)
    try:
        refused = app.test_client().get("/quarantine/a.jpg/image")
    finally:
        turns._has_turn.reset(token)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_one_that_cannot_be_drawn_is_told(operated: Operated) -> None:
    for name, kind in (("text.png", "not-a-picture"), ("0.jpg", "picture-not-found")):
        with pytest.raises(ServiceError) as told:
            operated.operator.quarantined_image(f"label-0/{name}")
        assert told.value.problem["type"].endswith(f":{kind}")


def test_a_file_that_was_mended_is_drawn_until_the_next_reindex(operated: Operated) -> None:
    broken = operated.stack.pictures / "label-0" / "text.png"
    kept = broken.read_bytes()
    shutil.copy(operated.stack.pictures / "label-0" / "0.jpg", broken)
    try:
        drawn = operated.operator.quarantined_image("label-0/text.png", size=64)
    finally:
        broken.write_bytes(kept)
    assert cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR).shape[1] == 64


def test_one_that_can_be_decoded_is_drawn(tmp_path: Path) -> None:
    """As of a picture in which the model sees nothing."""
    picture = write_pictures(tmp_path / "pictures", 1, 1) / "label-0" / "0.jpg"
    path = tmp_path / "quarantine.sqlite"
    write_quarantine(path, [Quarantined("a/b.jpg", picture.as_uri(), "no-features", "nothing")])
    serving: Any = SimpleNamespace(index=SimpleNamespace(quarantine=QuarantineTable(path)))
    capacity: Any = SimpleNamespace(file_bytes=1 << 20, decoded_bytes=1 << 20)
    caller = Caller(time.monotonic() + 60)
    drawn = draw_quarantined(serving, "a/b.jpg", 64, capacity, caller)
    assert cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR).shape == (43, 64, 3)
    picture.unlink()
    with pytest.raises(PictureUnreadable):
        draw_quarantined(serving, "a/b.jpg", 64, capacity, caller)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/index/versions"),
        ("GET", "/models"),
        ("POST", "/index/rollback"),
        ("GET", "/quarantine"),
        ("GET", "/quarantine/a/image"),
    ],
)
def test_it_takes_a_key_of_an_operator(operated: Operated, method: str, path: str) -> None:
    current = operated.operator.versions().current
    assert operated.asked(path, method=method).status_code == 401
    assert operated.asked(path, method=method, key=operated.other).status_code == 403
    assert operated.operator.versions().current == current
