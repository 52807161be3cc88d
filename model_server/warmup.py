"""Replays the requests that a SavedModel brings along, before it is served.

The file is ``assets.extra/tf_serving_warmup_requests``, a TFRecord of ``PredictionLog``
(``servables/tensorflow/saved_model_warmup.h``). A request that fails, fails the version.
"""

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from model_server.protobuf import arrays_from_request
from model_server.servable import Servable
from model_server.signature import find_signature
from model_server.status import Code, Refusal, invalid

WARMUP_FILE = Path("assets.extra/tf_serving_warmup_requests")
MOST_RECORDS = 1000


def warm_up(servable: Servable, folder: Path) -> int:
    """Replay a version's warm-up requests.

    Args:
        servable: the loaded version.
        folder: where it was loaded from.

    Returns:
        How many requests were replayed; 0 without the file.

    Raises:
        Refusal: a record that cannot be parsed or run, or more than 1000 of them.
    """
    path = folder / WARMUP_FILE
    if not path.is_file():
        return 0
    count = 0
    for count, record in enumerate(_records(path), start=1):
        if count > MOST_RECORDS:
            raise invalid(
                f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {path}"
            )
        _replay(servable, record)
    return count


def _records(path: Path) -> list[bytes]:
    try:
        return list(tf.data.TFRecordDataset(str(path)).take(MOST_RECORDS + 1).as_numpy_iterator())
    except tf.errors.OpError as error:
        raise Refusal(Code.DATA_LOSS, f"Failed to read warmup records: {error.message}") from error


def _replay(servable: Servable, record: bytes) -> None:
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid("Failed to parse warmup record") from error
    kind = log.WhichOneof("log_type")
    if kind != "predict_log":
        raise Refusal(Code.UNIMPLEMENTED, f"Unimplemented log_type for warmup: {kind}")
    request = log.predict_log.request
    signature = find_signature(servable.signatures, request.model_spec.signature_name)
    inputs = arrays_from_request(request)
    signature.check(inputs)
    servable.run(signature, inputs, signature.select(list(request.output_filter)))
