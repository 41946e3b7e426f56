"""The hashes in the page of `/docs` on AWS are those of the files that its CDN serves: npm's package."""

import base64
import hashlib
import os
import re
import shutil

import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.dynamodb_local import npm_package

TAG = re.compile(
    r'<(?:script|link)[^>]+"https://cdn\.jsdelivr\.net/npm/(?P<package>[^/"]+)/(?P<file>[^"]+)"'
    r' integrity="sha384-(?P<hash>[^"]+)"'
)


def test_integrity_of_docs_page_is_that_of_the_files_on_npm(sqlite_stores: Stores, clock: FakeClock) -> None:
    if shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("npm is not on PATH")
        pytest.skip("needs npm")
    page = Api(sqlite_stores, clock, door="lambda").get("/docs", key=None).body.decode()
    tags = list(TAG.finditer(page))
    assert {tag["file"] for tag in tags} == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for tag in tags:
        content = (npm_package(tag["package"]) / tag["file"]).read_bytes()
        assert tag["hash"] == base64.b64encode(hashlib.sha384(content).digest()).decode(), tag["file"]
