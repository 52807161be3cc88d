"""The metrics that TensorFlow Serving exports, under its names, in Prometheus' text form.

Names and label names follow ``util/prometheus_exporter.cc``, buckets the samplers of the
same names. Holds numbers only: nothing here measures.
"""

import threading
from bisect import bisect_left
from collections.abc import Sequence

PATH = "/monitoring/prometheus/metrics"

REQUEST_COUNT = ":tensorflow:serving:request_count"
REQUEST_LATENCY = ":tensorflow:serving:request_latency"
RUNTIME_LATENCY = ":tensorflow:serving:runtime_latency"
QUEUING_LATENCY = ":tensorflow:serving:batching_session:queuing_latency"
LOAD_LATENCY = ":tensorflow:cc:saved_model:load_latency"

Labels = tuple[tuple[str, str], ...]


def exponential_buckets(scale: float, growth: float, count: int) -> list[float]:
    """Upper bounds of a histogram, in microseconds; a last one without bound follows."""
    return [scale * growth**power for power in range(count)]


class Counter:
    """Counts per set of labels."""

    kind = "counter"

    def __init__(self) -> None:
        self._values: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count ``amount`` more."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def lines(self, name: str) -> list[str]:
        """Write one line for each set of labels."""
        return [f"{name}{_braced(labels)} {value}" for labels, value in self._values.items()]


class Histogram:
    """Distribution of microseconds per set of labels."""

    kind = "histogram"

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, microseconds: float) -> None:
        """Record one duration."""
        counts = self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, microseconds)] += 1
        self._sums[labels] = self._sums.get(labels, 0.0) + microseconds

    def lines(self, name: str) -> list[str]:
        """Write buckets, sum and count for each set of labels."""
        return [line for labels in self._counts for line in self._lines(name, labels)]

    def _lines(self, name: str, labels: Labels) -> list[str]:
        total, lines = 0, []
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        for bound, count in zip(bounds, self._counts[labels], strict=True):
            total += count
            lines.append(f"{name}_bucket{_braced((*labels, ('le', bound)))} {total}")
        lines.append(f"{name}_sum{_braced(labels)} {self._sums[labels]:g}")
        lines.append(f"{name}_count{_braced(labels)} {total}")
        return lines


class Metrics:
    """Everything that one server counts; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        latencies = exponential_buckets(10, 1.8, 33)
        self._requests, self._loads = Counter(), Counter()
        self._latency, self._runtime = Histogram(latencies), Histogram(latencies)
        self._queuing = Histogram(exponential_buckets(100, 1.2, 52))

    def count_request(self, model: str, status: str) -> None:
        """Count a predict request by the name of its canonical code."""
        with self._lock:
            self._requests.add((("model_name", model), ("status", status)))

    def observe_latency(self, model: str, api: str, entrypoint: str, microseconds: float) -> None:
        """Record how long a request that succeeded took; entrypoint is REST or GRPC."""
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        with self._lock:
            self._latency.observe(labels, microseconds)

    def observe_runtime(self, model: str, microseconds: float) -> None:
        """Record how long the graph ran."""
        labels = (("model_name", model), ("API", "Predict"), ("runtime", "TF1"))
        with self._lock:
            self._runtime.observe(labels, microseconds)

    def observe_queuing(self, microseconds: float) -> None:
        """Record how long a request waited for its batch."""
        with self._lock:
            self._queuing.observe((("thread_pool_name", "batch_threads"),), microseconds)

    def count_load(self, path: str, microseconds: float) -> None:
        """Add up the time spent loading from ``path``."""
        with self._lock:
            self._loads.add((("model_path", path),), int(microseconds))

    def page(self) -> str:
        """Write the page that Prometheus reads."""
        metrics: dict[str, Counter | Histogram] = {
            LOAD_LATENCY: self._loads,
            QUEUING_LATENCY: self._queuing,
            REQUEST_COUNT: self._requests,
            REQUEST_LATENCY: self._latency,
            RUNTIME_LATENCY: self._runtime,
        }
        with self._lock:
            lines = [
                line
                for name, metric in metrics.items()
                for line in (f"# TYPE {name} {metric.kind}", *metric.lines(name))
            ]
        return "\n".join(lines) + "\n"


def _braced(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
