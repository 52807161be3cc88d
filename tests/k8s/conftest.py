"""Every combination that can be applied: the overlays, and each component on the base."""

import pytest

from k8s.render import HERE, OVERLAYS
from tests.k8s.manifests import Manifests, rendered, with_components

COMPONENTS = [path.name for path in sorted((HERE / "components").iterdir())]
COMBINATIONS = [path.name for path in sorted(OVERLAYS.iterdir())] + [
    f"base+{name}" for name in COMPONENTS
]


@pytest.fixture(scope="session", params=COMBINATIONS)
def manifests(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Manifests:
    name: str = request.param
    if name.startswith("base+"):
        return with_components([name.removeprefix("base+")], tmp_path_factory.mktemp("combination"))
    return rendered(OVERLAYS / name)


@pytest.fixture(scope="session")
def production() -> Manifests:
    return rendered(OVERLAYS / "production")


@pytest.fixture(scope="session")
def local() -> Manifests:
    return rendered(OVERLAYS / "local")
