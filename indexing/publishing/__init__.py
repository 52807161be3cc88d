"""Publishing: from what an index is to hold to a checked version that ``CURRENT`` names.

``wanted`` says what is to be held, ``drafting`` builds it, beside the current version or
anew, ``gate`` refuses what should not be served, ``publish`` moves ``CURRENT``.
"""

from indexing.publishing.drafting import Base, Plan
from indexing.publishing.gate import GateSettings
from indexing.publishing.publish import Published, Publisher
from indexing.publishing.wanted import LedgerRows, VersionRows, Wanted

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
