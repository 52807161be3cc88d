"""What one worker may use to answer: memory, places at the model server, vectors that it keeps."""

from contextlib import AbstractContextManager

import msgspec

from lookalike.settings import Settings
from search_api.admission import Admission
from search_api.breaker import Breaker
from search_api.cache import VectorCache
from search_api.caller import Caller
from search_api.fetching import Fetcher
from search_api.recall import RecallMeter

# Embeddings at once, until it is known how many the model server does in good time: a batch of
# one with a GPU. One on a processor does hardly more than one.
FIRST_EMBEDDINGS, LEAST_EMBEDDINGS, MOST_EMBEDDINGS = 8, 1, 256
# Of one core, that all workers together may spend on measuring recall.
RECALL_SHARE = 0.01


class Capacity(msgspec.Struct, frozen=True):
    """See the module.

    Attributes:
        file_bytes: of a picture's file.
        decoded_bytes: that decoding a picture may take.
        embeddings: places at the model server.
        model_seconds: that a call to it may take.
        breaker: of the model server.
        cache: of vectors.
        fetcher: of the files behind URLs.
        recall: measures it, with little.
    """

    file_bytes: int
    decoded_bytes: int
    embeddings: Admission
    model_seconds: float
    breaker: Breaker
    cache: VectorCache
    fetcher: Fetcher
    recall: RecallMeter

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """Give a place at the model server; see :meth:`Admission.admitted`.

        Raises:
            DeadlineExceeded, CallerGone: nobody wants it any more.
        """
        return self.embeddings.admitted(caller.left(), patient=caller.patient)

    @classmethod
    def of(cls, settings: Settings) -> "Capacity":
        """Give the capacity that the settings say.

        Raises:
            ConfigurationError: LOOKALIKE_URL_HOSTS lists something else than hosts.
        """
        return cls(
            file_bytes=settings.max_body_bytes,
            decoded_bytes=settings.max_decoded_bytes,
            embeddings=Admission(LEAST_EMBEDDINGS, MOST_EMBEDDINGS, first=FIRST_EMBEDDINGS),
            model_seconds=settings.model_server_timeout,
            breaker=Breaker(),
            cache=VectorCache(settings.vector_cache_bytes),
            fetcher=Fetcher.of(settings),
            recall=RecallMeter(settings.recall_sample, RECALL_SHARE / settings.workers),
        )
