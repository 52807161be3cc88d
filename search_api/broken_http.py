"""What gunicorn cannot make a request of, as errors of our tree."""

from gunicorn.http import errors as http

from lookalike.errors import (
    BadRequest,
    ExpectationFailed,
    HeadersTooLarge,
    LookalikeError,
    UriTooLong,
)

# An answer with such a header is our fault, and nobody's who asked.
_OURS = (http.InvalidResponseHeader, http.InvalidResponseHeaderName, http.ConfigurationProblem)


def broken_http(error: Exception) -> LookalikeError | None:
    """Say what is wrong with a request by gunicorn's error; None where the request is not.

    The head of a request is parsed before the application is called, and the chunks of its
    body while the application reads it.
    """
    if not isinstance(error, http.ParseException) or isinstance(error, _OURS):
        return None
    if isinstance(error, http.LimitRequestLine):
        return UriTooLong("the request's URL is longer than this service reads")
    if isinstance(error, http.LimitRequestHeaders):
        return HeadersTooLarge("the request has more headers, or longer ones, than are read here")
    if isinstance(error, http.ExpectationFailed):
        return ExpectationFailed("the request expects what is not done here: leave Expect out")
    return BadRequest(f"the request is not HTTP as it should be: {error}")
