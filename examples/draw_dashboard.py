"""Draw the dashboard of k8s/components/monitoring from a running service, without Grafana.

    python examples/draw_dashboard.py --pictures photos --out dashboard.png

Prometheus (Debian's package, or --prometheus PROGRAM) looks at the service and at its model server
each second while Locust (examples/locustfile.py) puts load on it; then each panel's own queries
are asked and drawn. LOOKALIKE_KEY is sent by Locust where the service has keys.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from demo.processes import free_port
from lookalike.settings import Settings
from model_server.metrics import PATH

HERE = Path(__file__).parent
DASHBOARD = HERE.parent / "k8s" / "components" / "monitoring" / "dashboard.json"
# Grafana fills it in by how often is looked; four looks make a rate.
INTERVAL, SECONDS = "$__rate_interval", "8s"
PATIENCE_SECONDS = 30
CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: search-api
  static_configs: [{{targets: ["{service}"], labels: {{pod: search-api}}}}]
- job_name: tensorflow-serving
  metrics_path: {path}
  static_configs: [{{targets: ["{model_server}"]}}]
"""
# What one of Grafana's units is a multiple of, and how it is written.
UNITS = {
    "reqps": (1, "{:g}/s"),
    "s": (1, "{:g} s"),
    "percentunit": (1, "{:.0%}"),
    "bytes": (1e6, "{:g} MB"),
    "short": (1, "{:g}"),
}
HEADROOM = 1.25
INCHES_A_COLUMN, INCHES_A_ROW = 0.55, 0.33


class Series(NamedTuple):
    """A line of a panel."""

    label: str
    times: list[float]
    values: list[float]


def main() -> None:
    """Put load on a service, look at it meanwhile, and draw."""
    given = _arguments()
    with prometheus(given.prometheus, given.url, given.model_server) as asked:
        begun = time.time()
        load(given.url, given.pictures, given.users, given.seconds)
        panels = json.loads(DASHBOARD.read_text())["panels"]
        found = [panel_series(asked, panel, begun) for panel in panels]
    draw(panels, found, given.out)


def _arguments() -> argparse.Namespace:
    settings = Settings.from_environment()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="A folder to search with.")
    parser.add_argument("--out", type=Path, default=Path("dashboard.png"), help="A PNG or SVG.")
    parser.add_argument("--url", default=settings.service_url, help="The search service.")
    parser.add_argument("--model-server", default=settings.model_server_rest, help="Its REST URL.")
    parser.add_argument("--users", type=int, default=8, help="How many people search at once.")
    parser.add_argument("--seconds", type=int, default=120, help="How long they do.")
    parser.add_argument("--prometheus", default="prometheus", help="The program.")
    return parser.parse_args()


@contextmanager
def prometheus(program: str, service: str, model_server: str) -> Iterator[str]:
    """Run Prometheus on what both servers tell; give the URL of its API."""
    with tempfile.TemporaryDirectory() as name:
        folder, address = Path(name), f"127.0.0.1:{free_port(9090)}"
        targets = {"service": _address(service), "model_server": _address(model_server)}
        (folder / "prometheus.yml").write_text(CONFIGURATION.format(path=PATH, **targets))
        command = [
            *(program, f"--config.file={folder / 'prometheus.yml'}", "--log.level=error"),
            *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"),
        ]
        running = subprocess.Popen(command)
        try:
            _wait_until_ready(running, f"http://{address}/-/ready")
            yield f"http://{address}/api/v1"
        finally:
            running.terminate()
            running.wait()


def _address(url: str) -> str:
    return urlsplit(url).netloc


def _wait_until_ready(running: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while running.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    sys.exit(f"Prometheus did not answer at {url}")


def load(url: str, pictures: Path, users: int, seconds: int) -> None:
    """Have people search for a while, each second one more until there are so many."""
    command = [
        *(sys.executable, "-m", "locust", "--locustfile", str(HERE / "locustfile.py")),
        *("--headless", "--only-summary", "--exit-code-on-error", "0"),
        *("--host", url, "--pictures", str(pictures)),
        *("--users", str(users), "--spawn-rate", "1", "--run-time", f"{seconds}s"),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)


def panel_series(api: str, panel: dict[str, Any], begun: float) -> list[Series]:
    """Ask Prometheus a panel's queries, of all the time since a Unix time."""
    found = []
    for target in panel["targets"]:
        query = target["expr"].replace(INTERVAL, SECONDS)
        asked = {"query": query, "start": begun, "end": time.time(), "step": 1}
        answer = requests.get(f"{api}/query_range", params=asked, timeout=30).json()
        for result in answer["data"]["result"]:
            times, values = zip(*result["values"], strict=True)
            label = _label(target.get("legendFormat", ""), result["metric"])
            since = [when - begun for when in times]
            found.append(Series(label, since, [float(value) for value in values]))
    return found


def _label(template: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template


def draw(panels: Sequence[dict[str, Any]], found: Sequence[list[Series]], path: Path) -> None:
    """Draw each panel where Grafana would."""
    columns = max(panel["gridPos"]["x"] + panel["gridPos"]["w"] for panel in panels)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    size = (columns * INCHES_A_COLUMN, rows * INCHES_A_ROW)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    for panel, series in zip(panels, found, strict=True):
        at = panel["gridPos"]
        place = grid[at["y"] : at["y"] + at["h"], at["x"] : at["x"] + at["w"]]
        _draw_panel(figure.add_subplot(place), panel, series)
    figure.savefig(path, dpi=80)


def _draw_panel(axes: Axes, panel: dict[str, Any], series: Sequence[Series]) -> None:
    multiple, form = UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    for line in series:
        axes.plot(line.times, line.values, label=line.label)
    axes.set_title(panel["title"], loc="left", fontsize=10)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form.format(value / multiple)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.set_ylim(bottom=0, top=HEADROOM * axes.get_ylim()[1])
    axes.grid(alpha=0.3)
    if any(line.label for line in series):
        axes.legend(fontsize=8, loc="upper left", frameon=False)
    if not series:
        axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center")


if __name__ == "__main__":
    main()
