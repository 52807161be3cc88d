"""The facts about TensorFlow Serving, held against the look-alike or against a real server.

For a real one, let it serve the model ``toy`` from an empty folder and name both:

    mkdir toys
    tensorflow_model_server --rest_api_port=8501 --model_name=toy --model_base_path=$PWD/toys &
    pytest tests/model_server/test_conformance.py \\
        --model-server-url http://127.0.0.1:8501 --model-server-models toys

The model is written into the folder when the tests start, and the server loads it.
"""

import pytest

from tests.model_server.cases import PREDICT, PROJECTED, ROW, SECTIONS, STATUS, Case
from tests.model_server.http_client import Address, exchange

CASES = [
    pytest.param(case, id=f"{section}: {case.name}")
    for section, cases in SECTIONS.items()
    for case in cases
]


@pytest.mark.parametrize("case", CASES)
def test_answers_as_measured(rest: Address, case: Case) -> None:
    reply = rest.exchange(case.method, case.path, case.body, case.headers)
    assert reply.status == case.status, reply.body
    if case.reply is not None:
        assert reply.json == case.reply
    if case.error is not None:
        assert case.error in reply.error
    if case.text is not None:
        assert case.text in reply.body.decode()
    if case.exact is not None:
        assert reply.body == case.exact


def test_replies_are_json_with_a_length_and_a_date_and_never_compressed(rest: Address) -> None:
    reply = rest.exchange("POST", PREDICT, ROW, {"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Type"] == "application/json"
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert reply.headers["Date"].endswith("GMT")
    assert "Content-Encoding" not in reply.headers


def test_pages_that_are_not_found_are_html(rest: Address) -> None:
    assert rest.exchange("GET", "/").headers["Content-Type"].startswith("text/html")


def test_connections_are_kept_alive_even_after_a_refusal(rest: Address) -> None:
    connection = rest.connect()
    try:
        assert exchange(connection, "POST", PREDICT, b"[1]").status == 400
        before = connection.sock
        assert exchange(connection, "POST", PREDICT, ROW).json == PROJECTED
        assert connection.sock is before is not None
    finally:
        connection.close()


def test_chunked_requests_are_read(rest: Address) -> None:
    reply = rest.exchange("POST", PREDICT, iter([ROW[:5], ROW[5:]]))
    assert reply.json == PROJECTED


def test_a_request_may_wait_for_leave_to_go_on(rest: Address) -> None:
    connection = rest.connect()
    try:
        connection.putrequest("POST", PREDICT)
        connection.putheader("Expect", "100-continue")
        connection.putheader("Content-Length", str(len(ROW)))
        connection.endheaders()
        assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(ROW)
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    finally:
        connection.close()


def test_a_body_of_8_mb_is_fine(rest: Address) -> None:
    assert rest.predict(ROW[:-1] + b" " * (8 << 20) + b"}").json == PROJECTED


def test_a_long_value_is_cut_where_it_is_echoed(rest: Address) -> None:
    reply = rest.predict({"instances": ["x" * 4000]})
    assert reply.status == 400
    assert len(reply.body) < 1000


def test_metadata_nests_the_signatures_twice_and_writes_sizes_as_strings(rest: Address) -> None:
    metadata = rest.exchange("GET", f"{STATUS}/metadata").json
    assert metadata["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert set(signature) == {"inputs", "outputs", "method_name", "defaults"}
    x = signature["inputs"]["x"]
    assert x["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in x["tensor_shape"]["dim"]] == ["-1", "4"]


def test_errors_are_printed_with_four_spaces(rest: Address) -> None:
    reply = rest.predict(b"[1]")
    assert reply.body == b'{\n    "error": "JSON Value: [1] Is not object"\n}'
