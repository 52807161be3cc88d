"""What an operator asks: versions, models, going back, pictures without a vector."""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.client import Client, ServiceError
from lookalike.errors import PictureUnreadable, StoreError, StoreFull
from lookalike.index import Quarantined, write_quarantine
from lookalike.model_card import FILE_NAME, Comparison, read_model_card, write_model_card
from lookalike.store import manifest, open_indexes, open_models
from search_api.operating import draw_quarantined, list_models
from search_api.writing import not_written
from tests.browser import DESK, PHONE, Watched
from tests.pictures import write_pictures
from tests.search_api.conftest import Stack, running_stack
from tests.services import run, until

MANIFEST = manifest.FILE_NAME


class Operated(msgspec.Struct):
    """A service with keys, and clients with either."""

    stack: Stack
    key: str  # the operator's
    other: str  # that may only search
    operator: Client
    searcher: Client

    def reindex(self) -> str:
        """Publish one more version, and wait until it is served."""
        changed = self.stack.pictures / "label-0" / "0.jpg"
        pixels = np.random.default_rng().integers(0, 256, (60, 90, 3), np.uint8)
        cv2.imwrite(str(changed), pixels)
        done = run(["reindex", str(self.stack.pictures)], self.stack.environment)
        assert done.returncode == 0, done.stderr
        version = open_indexes(self.stack.environment["LOOKALIKE_STORE"], "default").current()
        until(lambda: self.served() == version, what="the new version")
        return version

    def served(self) -> str:
        return str(self.searcher.index()["version"])

    @property
    def store(self) -> Path:
        return Path(self.stack.environment["LOOKALIKE_STORE"])

    def asked(self, path: str, *, method: str = "GET", key: str | None = None) -> Any:
        """Ask once, with a key or none; a 503 is not asked again."""
        headers = {} if key is None else {"X-API-Key": key}
        told = {"json": {}} if method == "POST" else {}
        url = f"{self.stack.url}{path}"
        return requests.request(method, url, headers=headers, timeout=30, **told)


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """Take a file or a folder of the store away for a while."""
    elsewhere = path.rename(path.parents[2] / "aside")
    try:
        yield
    finally:
        elsewhere.rename(path)


def indexes(operated: Operated) -> Path:
    """Give the folder of the index's versions."""
    return operated.store / "indexes" / "default"


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    root = tmp_path_factory.mktemp("operated")
    keys = root / "keys.txt"
    operator, searcher = (
        run(["api-key", name, *flags, "--file", str(keys)], {}).stdout.strip()
        for name, flags in (("operator", ["--admin"]), ("searcher", []))
    )
    pictures = root / "pictures" / "label-0"
    pictures.mkdir(parents=True)
    (pictures / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (pictures / "text.png").write_bytes(b"no picture")
    settings = {"LOOKALIKE_API_KEYS": str(keys), "LOOKALIKE_POLL_SECONDS": "0.2"}
    with running_stack(root, None, "--max-rejected", "1", settings=settings) as stack:
        clients = (Client(stack.url, key=key) for key in (operator, searcher))
        yield Operated(stack, operator, searcher, *clients)


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
        listed = run(["index", "list"], operated.stack.environment)
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
    assert "kubectl create job --from=cronjob/rollback rollback-now" in problem["detail"]
    assert operated.operator.versions().current == current


def test_a_disk_that_is_full_is_told_apart(operated: Operated) -> None:
    full = not_written(OSError(errno.ENOSPC, "No space left on device"), "CURRENT")
    assert isinstance(full, StoreFull)


def test_pictures_without_a_vector_are_listed_with_their_reasons(operated: Operated) -> None:
    told = operated.operator.quarantine()
    assert [one.id for one in told.pictures] == ["label-0/cut.jpg", "label-0/text.png"]
    assert sum(told.types.values()) == 2
    assert told.pictures[1].type == "not-a-picture"
    assert all(one.uri == one.id for one in told.pictures)
    assert str(operated.stack.pictures) not in str(told)
    [only] = operated.operator.quarantine(type="not-a-picture", k=1).pictures
    assert only.id == "label-0/text.png"
    assert operated.operator.quarantine(offset=2).pictures == []


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
    serving: Any = SimpleNamespace(index=SimpleNamespace(quarantine=path))
    capacity: Any = SimpleNamespace(file_bytes=1 << 20, decoded_bytes=1 << 20)
    drawn = draw_quarantined(serving, "a/b.jpg", 64, capacity)
    assert cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR).shape == (43, 64, 3)
    picture.unlink()
    with pytest.raises(PictureUnreadable):
        draw_quarantined(serving, "a/b.jpg", 64, capacity)


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


@pytest.fixture
def shown(page: Watched, operated: Operated) -> Watched:
    """The operator's page, with the key given."""
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.locator("#key-form").wait_for()
    page.page.get_by_label("API key").fill(operated.key)
    page.page.get_by_role("button", name="Use it").click()
    page.page.locator("#versions tr").first.wait_for()
    page.page.locator("#pictures li .gone").nth(1).wait_for()
    return page


def test_the_page_asks_for_a_key_of_an_operator(page: Watched, operated: Operated) -> None:
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.locator("#problem", has_text="key").wait_for()
    page.screenshot("no-key")
    assert page.violations() == []
    page.page.get_by_label("API key").fill("wrong")
    page.page.get_by_role("button", name="Use it").click()
    page.page.locator("#key-form").wait_for()
    assert page.page.locator("#versions-title").is_hidden()


def test_the_page_goes_back_when_it_is_meant(shown: Watched, operated: Operated) -> None:
    operated.reindex()
    shown.page.get_by_role("button", name="Reload").click()
    current, before = (one.version for one in operated.operator.versions().versions[:2])
    row = shown.page.locator("#versions tr").nth(1)
    shown.page.locator(f"#versions tr td[title='{current}']").wait_for()
    row.get_by_role("button", name="Serve").click()
    assert before in shown.page.locator("#sure-said").inner_text()
    shown.screenshot("sure")
    shown.page.get_by_role("button", name="Leave it").click()
    assert operated.operator.versions().current == current
    row.get_by_role("button", name="Serve").click()
    shown.page.get_by_role("button", name="Serve it").click()
    shown.page.locator("#status", has_text=f"{before} is served").wait_for()
    assert operated.served() == before
    assert row.locator(".state").all_inner_texts() == ["current", "served"]
    operated.operator.roll_back(current)
    until(lambda: operated.served() == current, what="the newest again")


def test_the_page_shows_the_models_and_what_cannot_be_served(
    shown: Watched, operated: Operated
) -> None:
    model = shown.page.locator("#models tr td").all_inner_texts()
    assert (model[0], model[1], model[3]) == ("1", "served", "toy")
    first = shown.page.locator("#versions tr").nth(1)
    assert first.get_by_role("button", name="Serve").is_visible()
    assert first.locator(".problem").count() == 0
    with aside(operated.store / "models" / "embedder" / "1"):
        shown.page.get_by_role("button", name="Reload").click()
        told = first.locator(".problem")
        told.wait_for()
        said = told.inner_text()
    assert said == "Cannot be served: models/embedder/1/manifest.json does not exist"
    assert first.get_by_role("button", name="Serve").count() == 0


def test_the_page_shows_what_has_no_vector_by_its_reason(shown: Watched) -> None:
    names = shown.page.locator("#pictures strong")
    assert names.all_inner_texts() == ["label-0/cut.jpg", "label-0/text.png"]
    shown.page.get_by_role("button", name="not-a-picture").click()
    until(lambda: names.all_inner_texts() == ["label-0/text.png"], what="the chosen ones")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_suits_phones_and_the_dark_and_everyone(
    shown: Watched, size: tuple[int, int], scheme: str
) -> None:
    shown.show(size, scheme)
    assert shown.overflow() == []
    assert shown.violations() == []
    shown.screenshot("operator")
    # Told of the key that was missing, and of the pictures that cannot be shown.
    assert all("status of 4" in one for one in shown.problems), shown.problems
