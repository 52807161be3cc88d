"""What import_quietly loads, and what it leaves alone."""

import subprocess
import sys

PROGRAM = """
import sys
from lookalike.quiet import import_quietly
assert import_quietly("keras").layers.Dense(3).units == 3
assert not {"sklearn", "matplotlib"} & set(sys.modules)
from sklearn.manifold import TSNE
import matplotlib
"""


def test_tensorflow_comes_without_what_keras_can_do_without_and_that_is_there_afterwards() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
