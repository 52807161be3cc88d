"""One reading process, and the pipe to it: started, asked, listened to, ended."""

from multiprocessing import get_context

from indexing.extraction import messages, reader
from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.messages import Reply, Request
from indexing.extraction.reader import Work
from lookalike.errors import ConfigurationError

START_SECONDS = 120.0


class Died(Exception):
    """The reading process ended, or had to be ended, before it answered."""


class Child:
    """A reading process; it runs from here on.

    Its pipe is its own: of a queue that many share, a killed process may hold the lock for
    ever.
    """

    def __init__(self, blocks: PixelBlocks, work: Work) -> None:
        # Spawned: a fork would take along locks that threads of gRPC and TensorFlow hold.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=reader.serve, args=(theirs, blocks, work), daemon=True
        )
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def await_start(self) -> None:
        """Wait until it is ready; raise ConfigurationError where it never is."""
        try:
            self._receive(START_SECONDS)
        except Died as error:
            raise ConfigurationError(
                f"a reading process does not start ({error}); its own words are above, and "
                "without any it may be memory: give fewer --processes"
            ) from error

    def ask(self, request: Request) -> None:
        """Send a request; whether the process lives is told by ``reply``."""
        try:
            self._connection.send_bytes(messages.encode(request))
        except (BrokenPipeError, ConnectionResetError):
            return

    def reply(self, seconds: float) -> Reply:
        """Wait for the reply to the oldest request; raise Died where there will be none."""
        return messages.decode_reply(self._receive(seconds))

    def kill(self) -> None:
        """End it at once: it holds nothing that must be put in order."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """End it, and close the pipe, which nobody may be listening to."""
        self.kill()
        self._connection.close()

    def _receive(self, seconds: float) -> bytes:
        try:
            if self._connection.poll(seconds):
                return self._connection.recv_bytes()
        except (EOFError, OSError) as error:  # between two messages, or within one
            raise Died(self._end()) from error
        raise Died(f"the process that read it took over {seconds:g} seconds")

    def _end(self) -> str:
        self._process.join(1)
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        return f"the process that read it ended with {how}"
