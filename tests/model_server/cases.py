"""What TensorFlow Serving answers, one case a line, by the sections of the measured facts."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

PREDICT = "/v1/models/toy:predict"
STATUS = "/v1/models/toy"
PROJECTED = {"predictions": [[4.0, 6.0]]}
ROW = b'{"instances": [[1, 2, 3, 4]]}'


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request and what has to be true of its answer.

    Args:
        name: what is true.
        body: of a POST to ``path``.
        status: the HTTP status.
        reply: the JSON that is equal to the answer's, where given.
        error: what the answer's error contains, where given.
        text: what the answer's body contains, where given.
        exact: the whole body, where given.
    """

    name: str
    method: str = "POST"
    path: str = PREDICT
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    reply: object = None
    error: str | None = None
    text: str | None = None
    exact: bytes | None = None


def accepted(name: str, body: str | bytes, reply: object = None, text: str | None = None) -> Case:
    return Case(name=name, body=_bytes(body), reply=reply, text=text)


def refused(name: str, body: str | bytes, error: str, status: int = 400) -> Case:
    return Case(name=name, body=_bytes(body), status=status, error=error)


def malformed(name: str, method: str, path: str) -> Case:
    error = f"Malformed request: {method} {path}"
    body = ROW if method in ("POST", "PUT") else None
    return Case(name=name, method=method, path=path, body=body, status=400, error=error)


def get(name: str, path: str, status: int = 200, **expected: object) -> Case:
    return Case(name=name, method="GET", path=path, status=status, **expected)


def post(name: str, path: str, status: int = 200, **expected: object) -> Case:
    return Case(name=name, path=path, body=ROW, status=status, **expected)


def sent(name: str, body: bytes, headers: dict[str, str], **expected: object) -> Case:
    return Case(name=name, body=body, headers=headers, **expected)


def echo(name: str, dtype: str, value: str, text: str) -> Case:
    """A value that comes back from the echo of ``dtype`` as ``text``."""
    body = f'{{"signature_name": "{dtype}", "instances": [{value}]}}'
    return accepted(name, body, text=f'"predictions": [{text}\n    ]')


def unfit(name: str, dtype: str, value: str, error: str, status: int = 400) -> Case:
    body = f'{{"signature_name": "{dtype}", "instances": [{value}]}}'
    return refused(name, body, error, status)


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


AVAILABLE = {
    "model_version_status": [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
}
BEYOND_INT64 = "9223372036854775808"
NO_LABEL = "Unrecognized servable version label: nope"
NOT_FOUND_99 = "Servable not found for request: Specific(toy, 99)"

PATHS = [
    post("predict answers", PREDICT, reply=PROJECTED),
    post("predict answers for a version", "/v1/models/toy/versions/1:predict", reply=PROJECTED),
    post("the prefix is in any case", "/V1/Models/toy/Versions/1:predict", reply=PROJECTED),
    post("a percent-escaped name is decoded", "/v1/models/%74oy:predict", reply=PROJECTED),
    get("status lists the versions", STATUS, reply=AVAILABLE),
    get("status of one version", f"{STATUS}/versions/1", reply=AVAILABLE),
    get("status ignores a label, even an unknown one", f"{STATUS}/labels/nope", reply=AVAILABLE),
    get("metadata answers for a version", f"{STATUS}/versions/1/metadata"),
    malformed("the verb is in lower case", "POST", "/v1/models/toy:PREDICT"),
    malformed("predict is no GET", "GET", PREDICT),
    malformed("status is no POST", "POST", STATUS),
    malformed("nothing is PUT", "PUT", PREDICT),
    malformed("nothing is DELETEd", "DELETE", STATUS),
    malformed("a verb has to be known", "POST", "/v1/models/toy:embed"),
    malformed("a version has to be a number", "POST", "/v1/models/toy/versions/one:predict"),
    malformed("no trailing slash", "GET", f"{STATUS}/"),
    malformed("no query", "GET", f"{STATUS}?x=1"),
    malformed("no query for predict either", "POST", f"{PREDICT}?x=1"),
    Case(name="HEAD has no body", method="HEAD", path=STATUS, status=400, exact=b""),
    get("a name is needed", "/v1/models", 400, error="Missing model name in request."),
    post("version past int64", f"{STATUS}/versions/{BEYOND_INT64}:predict", 400, exact=b""),
    get("status past int64", f"{STATUS}/versions/{BEYOND_INT64}", 400, exact=b""),
    get("version of thousands of digits", f"{STATUS}/versions/{'9' * 5000}", 400, exact=b""),
    get("the root is not found, in HTML", "/", 404, text="<H1>Not Found</H1>"),
    get("metrics are elsewhere", "/metrics", 404, text="<H1>Not Found</H1>"),
    Case(
        name="OPTIONS with an origin",
        method="OPTIONS",
        path=STATUS,
        headers={"Origin": "https://example.org"},
        exact=b"",
    ),
    Case(name="OPTIONS without one", method="OPTIONS", path=STATUS, status=400, exact=b""),
    sent("the Content-Type is not looked at", ROW, {"Content-Type": "text/plain"}, reply=PROJECTED),
    sent(
        "a gzipped body is decompressed",
        gzip.compress(ROW),
        {"Content-Encoding": "gzip"},
        reply=PROJECTED,
    ),
    sent(
        "a plain body marked gzip is empty",
        ROW,
        {"Content-Encoding": "gzip"},
        status=400,
        error="JSON Parse error: The document is empty",
    ),
    sent(
        "a truncated gzip body is empty",
        gzip.compress(ROW)[:-9],
        {"Content-Encoding": "gzip"},
        status=400,
        error="JSON Parse error: The document is empty",
    ),
]

TWO = '{"signature_name": "two", '
REQUEST = [
    accepted("one input as plain values", ROW, PROJECTED),
    accepted("one input as objects", '{"instances": [{"x": [1, 2, 3, 4]}]}', PROJECTED),
    accepted("column form", '{"inputs": [[1, 2, 3, 4]]}', {"outputs": [[4.0, 6.0]]}),
    accepted("column form by name", '{"inputs": {"x": [[1, 2, 3, 4]]}}', {"outputs": [[4.0, 6.0]]}),
    accepted(
        "two inputs in rows",
        TWO + '"instances": [{"doc": "a", "x": [1, 2]}, {"doc": {"b64": "Yg"}, "x": [3, 4]}]}',
        {
            "predictions": [
                {"doc_bytes": {"b64": "YQ=="}, "total": 3.0},
                {"doc_bytes": {"b64": "Yg=="}, "total": 7.0},
            ]
        },
    ),
    accepted(
        "two inputs in columns",
        TWO + '"inputs": {"doc": ["a"], "x": [[1, 2]]}}',
        {"outputs": {"doc_bytes": [{"b64": "YQ=="}], "total": [3.0]}},
    ),
    accepted("a scalar", '{"signature_name": "scalar", "inputs": 1.5}', {"outputs": 3.0}),
    accepted("an empty signature name", '{"signature_name": "", "inputs": [[1, 2, 3, 4]]}'),
    accepted("other top-level keys are ignored", '{"more": 1, "instances": [[1, 2, 3, 4]]}'),
    accepted(
        "columns ignore other inputs",
        '{"inputs": {"x": [[1, 2, 3, 4]], "more": 1}}',
        {"outputs": [[4.0, 6.0]]},
    ),
    accepted(
        "columns of unequal length reach the model",
        '{"signature_name": "uneven", "inputs": {"a": [1, 2], "b": [3]}}',
        {"outputs": {"a2": [2.0, 4.0], "b2": [3.0, 3.0]}},
    ),
    refused(
        "rows of outputs of unequal length",
        '{"signature_name": "uneven", "instances": [{"a": 1, "b": 1}]}',
        "has inconsistent batch size",
    ),
    refused(
        "rows of an output without a shape",
        '{"signature_name": "total", "instances": [1, 2]}',
        "has no shape information",
    ),
    accepted(
        "an output without a shape in columns",
        '{"signature_name": "total", "inputs": [1, 2]}',
        {"outputs": 3.0},
    ),
    refused(
        "two inputs need objects",
        TWO + '"instances": ["a"]}',
        "instances is a plain list, but expecting list of objects",
    ),
    # Which input it then takes them for is the order of a protobuf map.
    refused("two inputs are no list of bytes", TWO + '"instances": [{"b64": "aGk="}]}', ""),
    refused("two inputs need an object", TWO + '"inputs": ["a"]}', "expecting an object"),
    *(
        refused(
            f"a signature name that is {name}",
            f'{{"signature_name": {name}, "instances": [[1, 2, 3, 4]]}}',
            "'signature_name' key must be a string value.",
        )
        for name in ("null", "1")
    ),
    refused(
        "an unknown signature",
        '{"signature_name": "nope", "instances": [1]}',
        'Serving signature name: "nope" not found in signature def',
    ),
    refused(
        "both forms at once",
        '{"instances": [1], "inputs": [1]}',
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    ),
    refused("neither form", "{}", "Missing 'inputs' or 'instances' key"),
    refused("instances that are no list", '{"instances": 1}', "'instances' to be an list/array"),
    refused("no instances", '{"instances": []}', "No values in 'instances' array"),
    refused(
        "rows with an input too many",
        '{"instances": [{"x": [1, 2, 3, 4], "k": 1}]}',
        "does not have named input: k",
    ),
    refused(
        "rows with an input missing",
        TWO + '"instances": [{"doc": "a"}]}',
        "keys must be equal to: doc,x",
    ),
    refused(
        "columns with an input missing",
        TWO + '"inputs": {"doc": ["a"]}}',
        "Missing named input: x in 'inputs' object.",
    ),
    refused(
        "a list among objects",
        '{"instances": [{"x": [1, 2, 3, 4]}, [1, 2, 3, 4]]}',
        "Expecting object but got list at item 1 of input list",
    ),
    refused(
        "an object among lists",
        '{"instances": [[1, 2, 3, 4], {"x": [1, 2, 3, 4]}]}',
        "Expecting value/list but got object at item 1 of input list",
    ),
    refused(
        "ragged rows",
        '{"instances": [[1, 2, 3, 4], [1, 2]]}',
        "Expecting tensor size: 4 but got: 2",
    ),
    refused(
        "rows of equal size and other shapes",
        '{"instances": [[[1, 2], [3, 4]], [[1, 2, 3, 4]]]}',
        "Expecting shape [2,2] but got: [1,4]",
    ),
    refused("a ragged list", '{"inputs": [[1, 2], [3]]}', "Encountered list at unexpected size"),
    refused("a list that ends early", '{"inputs": [[1], 2]}', "found at incorrect level"),
    refused("a list too deep", '{"inputs": [1, [2]]}', "Encountered list at unexpected level"),
    refused("a width that the model does not take", '{"instances": [[1, 2]]}', "incompatible"),
]

VALUES = [
    echo("a float from an integer", "float32", "3", "3.0"),
    echo(
        "numbers that are none", "float32", "NaN, Infinity, -Infinity", "NaN, Infinity, -Infinity"
    ),
    echo("short infinities", "float32", "Inf, -Inf", "Infinity, -Infinity"),
    echo("a float too large", "float32", "1e39, -1e39", "Infinity, -Infinity"),
    unfit("a double too large", "float32", "1e400", "Number too big to be stored in double."),
    unfit("a double too large for doubles", "float64", "1e400", "Number too big"),
    unfit("an integer of 5000 digits", "float32", "9" * 5000, "Number too big"),
    unfit("an integer of 400 digits", "float32", "9" * 400, "Number too big"),
    unfit("a string for a float", "float32", '"1"', "Type: String is not of expected type: float"),
    unfit("null for a float", "float32", "null", "Type: Null is not of expected type: float"),
    unfit("true for a float", "float32", "true", "Type: True is not of expected type: float"),
    unfit("bytes for a float", "float32", '{"b64": ""}', "is not of expected type: float"),
    unfit(
        "a fraction for an integer", "int64", "1.5", "Type: Number is not of expected type: int64"
    ),
    unfit("a point for an integer", "int64", "1.0", "Type: Number is not of expected type: int64"),
    unfit("an integer past int64", "int64", "9223372036854775808", "not of expected type: int64"),
    unfit("an integer past int32", "int32", "2147483648", "not of expected type: int32"),
    unfit("a negative uint32", "uint32", "-1", "not of expected type: uint32"),
    unfit("true for an integer", "int32", "true", "Type: True is not of expected type: int32"),
    unfit("a number for a string", "string", "1", "not of expected type: string"),
    unfit("a number for a boolean", "bool", "1", "not of expected type: bool"),
    *(
        unfit(f"no JSON for {dtype}", dtype, "1", f"to type: {name}", 501)
        for dtype, name in (("float16", "half"), ("uint16", "uint16"))
    ),
    refused(
        "an output without JSON",
        '{"signature_name": "halves", "instances": [1]}',
        "Failed to write JSON value for tensor type: half",
    ),
    *(
        echo(f"an {dtype}", dtype, "7, 0", "7, 0")
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
    ),
    echo("the largest int64", "int64", "9223372036854775807", "9223372036854775807"),
    echo("the largest uint64", "uint64", "18446744073709551615", "18446744073709551615"),
    echo("booleans", "bool", "true, false", "true, false"),
    echo("a nested list", "float32", "[[1, 2], [3, 4]]", "[[1.0, 2.0], [3.0, 4.0]]"),
    echo("empty rows", "float32", "[], []", "[], []"),
    echo("a string", "string", '"caf\u00e9 \\" \\u00e9"', '"caf\u00e9 \\" \u00e9"'),
    echo("bytes", "string", '{"b64": "YWI="}', '"ab"'),
    echo("bytes without padding", "string", '{"b64": "YWI"}', '"ab"'),
    echo("bytes with white space", "string", '{"b64": "Y W\\nI="}', '"ab"'),
    echo("no bytes", "string", '{"b64": ""}', '""'),
    unfit(
        "bytes with another key",
        "string",
        '[{"b64": "", "k": 1}]',
        "not formatted correctly for base64",
    ),
    unfit("the URL-safe alphabet", "string", '{"b64": "-_-_"}', "Unable to base64 decode"),
    unfit("no base64", "string", '{"b64": "a"}', "Unable to base64 decode"),
    unfit("padding in the middle", "string", '{"b64": "YQ==YQ=="}', "Unable to base64 decode"),
    echo("a short float", "float32", "0.2", "0.2"),
    echo("a float of nine digits", "float32", "-0.301517308", "-0.301517308"),
    echo("a whole float", "float32", "5", "5.0"),
    echo("a large float", "float32", "9000000", "9e+06"),
    echo("a small float", "float32", "0.00003", "3e-05"),
    echo("a negative zero", "float32", "-0.0", "-0.0"),
    echo(
        "a double of 17 digits", "float64", "0.1, 0.30000000000000004", "0.1, 0.30000000000000004"
    ),
]

PARSING = [
    refused("an empty body", "", "JSON Parse error: The document is empty"),
    refused("only white space", "  \n", "JSON Parse error: The document is empty"),
    refused("no JSON", '{"instances": [1 2]}', "JSON Parse error: "),
    refused("no JSON, with the offset", '{"instances": ', "at offset: 1"),
    refused("no object", "[1]", "JSON Value: [1] Is not object"),
    accepted("trailing text", ROW + b" and so on", PROJECTED),
    accepted(
        "the first of two equal keys",
        '{"instances": [[1, 2, 3, 4]], "instances": [[0, 0, 0, 0]]}',
        PROJECTED,
    ),
    accepted("a byte order mark", b"\xef\xbb\xbf" + ROW, PROJECTED),
    accepted(
        "invalid UTF-8 comes back as it went",
        TWO.encode() + b'"inputs": {"doc": ["\xff\xfe"], "x": [[1, 2]]}}',
        {"outputs": {"doc_bytes": [{"b64": "//4="}], "total": [3.0]}},
    ),
    refused("half a surrogate pair", '{"instances": ["\\ud800"]}', "JSON Parse error: "),
    refused("a comment", '{"instances": [1] /* one */}', "JSON Parse error: "),
    refused("a trailing comma", '{"instances": [1,]}', "JSON Parse error: "),
    refused("a trailing comma after a member", '{"instances": [1],}', "JSON Parse error: "),
    refused("a raw line break in a string", '{"instances": ["\n"]}', "JSON Parse error: "),
]

ERRORS = [
    post("an unknown model", "/v1/models/nope:predict", 404, error="request: Latest(nope)"),
    post("an unknown version", f"{STATUS}/versions/99:predict", 404, error=NOT_FOUND_99),
    post("an unknown label", f"{STATUS}/labels/nope:predict", 400, error=NO_LABEL),
    get(
        "metadata of an unknown version", f"{STATUS}/versions/99/metadata", 404, error=NOT_FOUND_99
    ),
    get(
        "status of an unknown model",
        "/v1/models/nope",
        404,
        error="Could not find any versions of model nope",
    ),
    get(
        "status of an unknown version",
        f"{STATUS}/versions/99",
        404,
        error="Could not find version 99 of model toy",
    ),
    post("bad paths are echoed", "/v1/nope", 400, text='{\n    "error": "Malformed request: '),
    Case(
        name="bad JSON comes before an unknown model",
        path="/v1/models/nope:predict",
        body=b"[1]",
        status=400,
        error="Is not object",
    ),
    refused(
        "a long value is echoed in part",
        f'{{"instances": ["{base64.b64encode(bytes(3000)).decode()}"]}}',
        "is not of expected type: float",
    ),
]

EXAMPLES = '{"signature_name": "%s", "examples": [{"x": 1.0}]}'
INFERENCE = [
    Case(
        name=f"{verb} needs {kind} inputs",
        path=f"{STATUS}:{verb}",
        body=(EXAMPLES % "float32").encode(),
        status=400,
        error=f"No {kind} inputs found in SignatureDef: ",
    )
    for verb, kind in (("regress", "regression"), ("classify", "classification"))
] + [
    Case(
        name=f"{verb} needs a known signature",
        path=f"{STATUS}:{verb}",
        body=(EXAMPLES % "nope").encode(),
        status=400,
        error="No signature was found with the name: nope",
    )
    for verb in ("regress", "classify")
]

SECTIONS = {
    "1 paths and methods": PATHS,
    "2 predict request": REQUEST,
    "3 values": VALUES,
    "4 JSON parsing": PARSING,
    "5 errors": ERRORS,
    "6 regress and classify": INFERENCE,
}
