"""What the application is made of, without a server."""

import subprocess
import sys


def test_the_service_imports_no_tensorflow_and_nothing_of_the_other_rooms() -> None:
    program = (
        "import sys, search_api.app\n"
        "heavy = ('tensorflow', 'keras', 'grpc', 'pyarrow', 'onnx', 'training', 'indexing')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"
