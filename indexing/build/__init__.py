"""Building: from rows and their vectors to the files of an index version.

Pure with respect to the store: local files in, local files out. ``build_base`` trains once,
shards by a stable hash of the id, builds the shards and tunes how hard to search them;
``build_delta`` puts what changed beside them, with what was trained.
"""

from indexing.build.base import Built, build_base
from indexing.build.delta import build_delta
from indexing.build.settings import BuildSettings
from indexing.build.training import check_recipe, untuned

__all__ = [
    "BuildSettings",
    "Built",
    "build_base",
    "build_delta",
    "check_recipe",
    "untuned",
]
