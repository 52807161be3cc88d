"""A server of names that does not answer, in a worker: a process whose sockets are gevent's."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
from gevent import monkey
monkey.patch_all()
import _socket, sys, time
import gevent
import numpy as np
from lookalike.errors import ModelServerUnavailable
from lookalike.picture import PictureContract
from lookalike.serving import RestEmbedder
from lookalike.serving.base import ModelAddress
from lookalike.settings import Settings
from search_api.app import create_app
from search_api.asking import asking_model
from search_api.at_hand import EXTENSION
from search_api.caller import Caller
from search_api.native import native_threads, run_native

lock = monkey.get_original("_thread", "allocate_lock")()
lock.acquire()

def hang(*given, **named):
    lock.acquire()
    lock.release()
    raise OSError("no such name")

settings = Settings(store=sys.argv[1], cache=sys.argv[1], threads=2)
capacity = create_app(settings).extensions[EXTENSION].capacity
_socket.getaddrinfo = hang
address = ModelAddress(name="m", version=1, picture=PictureContract(size=32), dimensions=4)
embedder = RestEmbedder("http://models.test:8501", address)

def ask():
    with asking_model("embed", capacity, Caller(time.monotonic() + 0.5)) as (left, sent):
        embedder.embed(np.zeros((1, 32, 32, 3), np.uint8), timeout=left, headers=sent)

asked = [gevent.spawn(ask) for _ in range(2 * native_threads() + 4)]
gevent.sleep(0.1)
print(run_native(lambda: "searched"), any(one.ready() for one in asked))
gevent.joinall(asked)
print({type(one.exception).__name__ for one in asked}, lock.locked())
lock.release()
"""


def test_a_name_that_is_never_found_holds_up_no_search_and_no_deadline(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = finished.stdout.splitlines()
    assert said == ["searched False", "{'ModelServerUnavailable'} True"], finished.stderr
