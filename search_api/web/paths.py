"""The paths of the pages for people, which no program asks: the description has none of them."""

from flask import Blueprint, Response, request

from search_api import web
from search_api.security import POLICY

pages = Blueprint("pages", __name__)


@pages.get("/")
def get_search_page() -> Response:
    """Show the page on which people search."""
    return _asset("page.html")


@pages.get("/admin")
def get_operators_page() -> Response:
    """Show the operator's page."""
    return _asset("admin.html")


@pages.get("/web/<name>")
def get_asset(name: str) -> Response:
    """Give a file of a page."""
    return _asset(name)


def _asset(name: str) -> Response:
    asset = web.asset(name)
    response = Response(asset.data, mimetype=asset.media_type)
    response.headers[POLICY] = web.POLICY
    response.headers["Cache-Control"] = "no-cache"  # kept, and asked about
    response.set_etag(asset.tag)
    response.make_conditional(request)
    return response
