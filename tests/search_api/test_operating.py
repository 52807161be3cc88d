"""What an operator asks: versions, going back to one, pictures without a vector."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.client import Client, ServiceError
from lookalike.errors import PictureUnreadable, StoreError
from lookalike.index import Quarantined, write_quarantine
from lookalike.store import Collection, open_indexes
from search_api.operating import draw_quarantined, roll_back
from tests.browser import DESK, PHONE, Watched
from tests.pictures import write_pictures
from tests.search_api.conftest import Stack, running_stack
from tests.services import run, until


class Operated(msgspec.Struct):
    """A service with keys, and clients with either."""

    stack: Stack
    key: str  # the operator's
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
        yield Operated(stack, operator, *clients)


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


def test_a_version_that_is_damaged_hides_no_other(operated: Operated) -> None:
    indexes = Path(operated.stack.environment["LOOKALIKE_STORE"]) / "indexes" / "default"
    damaged = indexes / "20200101T000000.000Z-000000000000"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{}")
    try:
        told = operated.operator.versions().versions
        assert told[-1].version == damaged.name
        assert "is not the manifest" in str(told[-1].problem)
        assert told[0].problem is None
    finally:
        shutil.rmtree(damaged)


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
    assert operated.served() == served


def test_a_version_whose_file_is_gone_is_not_gone_back_to(operated: Operated) -> None:
    version = operated.reindex()
    store = operated.stack.environment["LOOKALIKE_STORE"]
    before = operated.operator.versions().versions[1].version
    [quarantine] = (Path(store) / "indexes" / "default" / before).glob("probes.msgpack")
    aside = quarantine.rename(quarantine.parents[3] / "aside")
    try:
        with pytest.raises(ServiceError, match="is missing"):
            operated.operator.roll_back()
        assert operated.operator.versions().current == version
    finally:
        aside.rename(quarantine)


def test_without_the_right_to_write_the_way_is_told(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(30, "Read-only file system")

    indexes = open_indexes(operated.stack.environment["LOOKALIKE_STORE"], "default")
    monkeypatch.setattr(Collection, "set_current", refuse)
    with pytest.raises(StoreError, match=r"Read-only file system.*cronjob/rollback"):
        roll_back(indexes, None)


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
    headers = {"X-API-Key": operated.key}
    url = f"{operated.stack.url}/quarantine"
    answer = requests.get(f"{url}/label-0/text.png/image", headers=headers, timeout=10)
    assert answer.json()["type"].endswith(":not-a-picture")
    none = requests.get(f"{url}/label-0/0.jpg/image", headers=headers, timeout=10)
    assert none.json()["type"].endswith(":picture-not-found")


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


@pytest.mark.parametrize("path", ["/index/versions", "/quarantine", "/quarantine/a/image"])
def test_it_takes_a_key_of_an_operator(operated: Operated, path: str) -> None:
    assert requests.get(f"{operated.stack.url}{path}", timeout=10).status_code == 401
    with pytest.raises(ServiceError) as told:
        operated.searcher.versions()
    assert told.value.problem["status"] == 403
    with pytest.raises(ServiceError):
        operated.searcher.roll_back()


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


def test_the_page_shows_what_has_no_vector_by_its_reason(shown: Watched) -> None:
    names = shown.page.locator("#pictures strong")
    assert names.all_inner_texts() == ["label-0/cut.jpg", "label-0/text.png"]
    shown.page.get_by_role("button", name="not-a-picture").click()
    shown.page.locator("#pictures li").nth(1).wait_for(state="detached")
    assert names.all_inner_texts() == ["label-0/text.png"]


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
