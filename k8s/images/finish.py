"""The last step of an image's build: drop what never runs, compile, and date every file.

It needs nothing but Python, and runs in the image. Two builds of one tree make the same files.
"""

import compileall
import os
import py_compile
import shutil
import sys
from pathlib import Path

# Headers for whoever compiles against these libraries, and their tests.
UNUSED = (
    "gevent/tests",
    "numpy/*/tests",
    "pyarrow/include",
    "pyarrow/tests",
    "supervisor/tests",
    "tensorflow/include",
)
# Descriptions of all of Amazon's services; a store needs S3, and the others give its credentials.
SERVICES = Path("botocore/data")
SERVICES_IN_USE = ("s3", "signin", "sso", "sso-oidc", "sts")


def main(environment: Path, *others: Path) -> None:
    """Finish a virtual environment, and date the files of all folders."""
    (packages,) = environment.glob("lib/python*/site-packages")
    drop(packages)
    compile_all(packages)
    for folder in (environment, *others):
        date(folder, int(os.environ["SOURCE_DATE_EPOCH"]))


def drop(packages: Path) -> None:
    """Remove what nothing imports."""
    services = [path for path in (packages / SERVICES).glob("*/") if path.is_dir()]
    unused = [path for pattern in UNUSED for path in packages.glob(pattern)]
    unused += [path for path in services if path.name not in SERVICES_IN_USE]
    for path in unused:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def compile_all(packages: Path) -> None:
    """Compile every module; what is compiled holds no time, and is never compared with its source.

    Some packages carry templates that are no Python of this version: they are left as they are.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    # By force, since what an import compiled on the way here holds its source's time.
    compileall.compile_dir(packages, maxlevels=99, force=True, quiet=2, invalidation_mode=unchecked)


def date(folder: Path, seconds: int) -> None:
    """Give a folder and all that is in it one time."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (seconds, seconds), follow_symlinks=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
