"""What one would write in an afternoon: Flask around one faiss call, without anything else."""

import os
from pathlib import Path

import msgspec
import numpy as np
from flask import Flask, Response, jsonify, request

from lookalike.index import IndexDetails
from lookalike.index.faiss_index import FaissIndex

FOLDER, DETAILS = "BENCH_FOLDER", "BENCH_DETAILS"


def settings(folder: Path, details: IndexDetails) -> dict[str, str]:
    """Give the environment in which :func:`create_app` opens an index."""
    return {FOLDER: str(folder), DETAILS: msgspec.json.encode(details).decode()}


def create_app() -> Flask:
    """Open the index that the environment names, and answer ``POST /search`` inline."""
    app = Flask(__name__)
    details = msgspec.json.decode(os.environ[DETAILS], type=IndexDetails)
    index = FaissIndex(Path(os.environ[FOLDER]), details.segments, details.search)

    @app.post("/search")
    def search() -> Response:
        asked = request.get_json()
        vector = np.array(asked["vector"], np.float32)[np.newaxis]
        distances, rows = index.search(vector, asked["k"])
        return jsonify(rows=rows[0].tolist(), distances=distances[0].tolist())

    return app
