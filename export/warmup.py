"""Warm-up records: requests that TensorFlow Serving replays before it calls a version ready.

https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.picture.contract import PictureContract
from lookalike.quiet import import_quietly
from lookalike.serving.base import INPUT, PARTS, SIGNATURE
from training.framework import tensorflow as tf

predict_pb2 = import_quietly("tensorflow_serving.apis.predict_pb2")
prediction_log_pb2 = import_quietly("tensorflow_serving.apis.prediction_log_pb2")

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
# The shapes that live traffic has: one query, and a batch; one that is to be explained.
REQUESTS = ((SIGNATURE, 1), (SIGNATURE, 8), (PARTS, 1))


def write_warmup(folder: Path, model_name: str, contract: PictureContract) -> None:
    """Write one record for each kind of request into a SavedModel's folder."""
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, batch in REQUESTS:
            record = _record(model_name, contract, signature, batch)
            writer.write(record.SerializeToString())


def _record(model_name: str, contract: PictureContract, signature: str, batch: int) -> Any:
    noise = np.random.default_rng(batch).integers(0, 256, (batch, contract.nbytes), np.uint8)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model_name
    request.model_spec.signature_name = signature
    rows = [row.tobytes() for row in noise]
    request.inputs[INPUT].CopyFrom(tf.make_tensor_proto(rows, shape=[batch]))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
