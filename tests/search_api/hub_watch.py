"""Finds what holds up the event loop, by what is called on its thread: no clock is read.

gunicorn reads this as its configuration in place of the service's own, which it carries out as
it is. Each worker then tells in its log, once each, what was called on the thread of its event
loop and must not be, and what of the same was called elsewhere, so that a test knows that it
was looking.
"""

import functools
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

SERVICE = Path(__file__).parents[2] / "search_api" / "gunicorn_conf.py"
MARK = "hub-watch: "

# Modules none of whose functions may be called there.
NEVER = ("cv2", "faiss._swigfaiss", "zlib")
# Methods that may not, though NumPy or SQLite does their work.
NEVER_OURS = {
    ("lookalike.index", "IndexVersion"): (
        *("apply", "exact", "find", "find_with_vector", "has_room_for", "hits"),
        *("lay_over", "nearest", "select", "waiting"),
    ),
    ("werkzeug.formparser", "FormDataParser"): ("parse",),
}
# Functions that may be called there with little: of the data given, or else of the result.
LARGE_BYTES = 1 << 16
SIZED = (("hashlib", "sha256"), ("msgspec.json", "decode"), ("msgspec.json", "encode"))
# What the interpreter itself tells of (sys.addaudithook): files, databases, processes, names.
EVENTS = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.rmdir"),
        *("sqlite3.connect", "mmap.__new__", "subprocess.Popen", "os.system", "os.posix_spawn"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "shutil.copyfile"),
    }
)
# Functions on whose behalf a thing may be called there nevertheless, since it is measured to
# take far less than a millisecond: by the thing's name, "module:qualified.name" of each.
ALLOWED: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "IndexVersion.find",
            "IndexVersion.find_with_vector",
            "IndexVersion.hits",
            "IndexVersion.nearest",
            "faiss._swigfaiss",
        ),
        frozenset({"search_api.native:run_briefly"}),
    ),
    # A metric's first value of its kind, in a worker's life: files in memory, one of each kind.
    "open": frozenset({"prometheus_client.mmap_dict:MmapedDict.__init__"}),
    # And that file's growth, each time to twice its size.
    "mmap.__new__": frozenset(
        {
            "prometheus_client.mmap_dict:MmapedDict.__init__",
            "prometheus_client.mmap_dict:MmapedDict._init_value",
        }
    ),
}

BYTES = (bytes, bytearray, memoryview, msgspec.Raw)


class Watch:
    """Tells of watched calls, from :meth:`begin` on.

    Args:
        tell: takes each finding, once: where (``hub`` or ``elsewhere``), what, and the stack.
    """

    def __init__(self, tell: Callable[[str, str, list[str]], None]) -> None:
        self._tell, self._told = tell, set[tuple[str, str]]()
        self._hub: int | None = None

    def begin(self) -> None:
        """Take this thread for the event loop's."""
        self._hub = threading.get_native_id()

    def install(self) -> None:
        """Put a watch before everything in the tables above."""
        for name in NEVER:
            self._wrap_all(__import__(name, fromlist=["_"]), name)
        for (module, kind), names in NEVER_OURS.items():
            owner = getattr(__import__(module, fromlist=["_"]), kind)
            for name in names:
                self._wrap(owner, name, f"{kind}.{name}")
        for module, name in SIZED:
            self._wrap(__import__(module, fromlist=["_"]), name, f"{module}.{name}", sized=True)
        sys.addaudithook(self._heard)

    def _wrap_all(self, module: Any, prefix: str) -> None:
        for name in dir(module):
            if isinstance(getattr(module, name), type(len)):
                self._wrap(module, name, f"{prefix}.{name}")

    def _wrap(self, owner: Any, name: str, told: str, *, sized: bool = False) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def watched(*given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            if not sized or _size((*given, result)) > LARGE_BYTES:
                self._note(told)
            return result

        setattr(owner, name, watched)

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in EVENTS:
            return
        if event == "socket.connect" and given[0].gettimeout() == 0:
            return  # it does not wait
        self._note(event, f" {given[0]!r}" if event == "open" else "")

    def _note(self, what: str, more: str = "") -> None:
        if self._hub is None:
            return
        where = "hub" if threading.get_native_id() == self._hub else "elsewhere"
        stack = _stack()
        if where == "hub" and _allowed(what).intersection(stack):
            return
        if (where, what + more) not in self._told:
            self._told.add((where, what + more))
            self._tell(where, what + more, stack)


def _allowed(what: str) -> frozenset[str]:
    return ALLOWED.get(what) or ALLOWED.get(what.rpartition(".")[0]) or frozenset()


def _size(values: Iterable[Any]) -> int:
    return max((len(value) for value in values if isinstance(value, BYTES)), default=0)


def _stack() -> list[str]:
    frame, stack = sys._getframe(2), []
    while frame is not None:
        stack.append(f"{frame.f_globals.get('__name__')}:{frame.f_code.co_qualname}")
        frame = frame.f_back  # type: ignore[assignment]
    return stack


def _write(where: str, what: str, stack: list[str]) -> None:
    line = json.dumps({"where": where, "what": what, "stack": stack[:20]})
    os.write(2, f"{MARK}{line}\n".encode())


if __name__ == "__config__":
    exec(compile(SERVICE.read_text(), SERVICE, "exec"))  # noqa: S102  as gunicorn does
    _watch = Watch(_write)
    _post_fork: Any = globals()["post_fork"]

    def post_fork(server: object, worker: Any) -> None:
        _post_fork(server, worker)
        _watch.install()

    def post_worker_init(worker: Any) -> None:
        _watch.begin()
