"""Publishing: from what an index is to hold to a checked version that ``CURRENT`` names.

``wanted`` says what is to be held, and ``version_rows`` that it is the served version with
changes; ``drafting`` builds it, beside the current version or anew, ``gate`` refuses what
should not be served, ``publish`` moves ``CURRENT``.
"""

from indexing.publishing.drafting import Plan
from indexing.publishing.gate import GateSettings
from indexing.publishing.publish import Published, Publisher
from indexing.publishing.version_rows import VersionRows
from indexing.publishing.wanted import Base, LedgerRows, Wanted

__all__ = [
    "Base",
    "GateSettings",
    "LedgerRows",
    "Plan",
    "Published",
    "Publisher",
    "VersionRows",
    "Wanted",
]
