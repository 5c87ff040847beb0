"""The explorer: read-only, for who has the address, and fresh."""

import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

import factories
from spareto.cli.explore import explore, server
from spareto.core.errors import ConfigError, StoreError
from spareto.study.store import STORE_NAME, TrialStore


@pytest.fixture
def run(tmp_path):
    with TrialStore(tmp_path / STORE_NAME) as store:
        store.put("0", factories.study()[0])
    return tmp_path


@pytest.fixture
def serving(run):
    with server(run) as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def ask(serving, path, method="GET"):
    host, port = serving.server_address[:2]
    connection = HTTPConnection(host, port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_the_page_is_for_who_has_the_token(serving) -> None:
    address = urlsplit(serving.address)
    assert address.hostname == "127.0.0.1"
    status, body = ask(serving, f"/?{address.query}")
    assert status == 200
    assert 'data-live="version?' in body
    for path in ("/", "/?token=", "/?token=wrong", "/version?token=%ff"):
        status, body = ask(serving, path)
        assert status == 403
        assert "study" not in body


def test_nothing_but_reading_two_things(serving) -> None:
    query = urlsplit(serving.address).query
    assert ask(serving, f"/study.sqlite?{query}")[0] == 404
    assert ask(serving, f"/../{STORE_NAME}?{query}")[0] == 404
    for method in ("POST", "PUT", "DELETE"):
        assert ask(serving, f"/?{query}", method)[0] == 501


def test_the_version_changes_with_a_trial_and_so_does_the_page(serving, run) -> None:
    query = urlsplit(serving.address).query
    before, page = ask(serving, f"/version?{query}"), ask(serving, f"/?{query}")
    assert ask(serving, f"/version?{query}") == before
    with TrialStore(run / STORE_NAME) as store:
        store.put("1", factories.study()[7])
    assert ask(serving, f"/version?{query}") != before
    assert ask(serving, f"/?{query}") != page


def test_what_cannot_be_served_is_refused(run, tmp_path) -> None:
    with server(run) as other, pytest.raises(ConfigError, match="an address that is free"):
        server(run, port=other.server_address[1])
    with pytest.raises(ConfigError, match="an address that is free"):
        server(run, port=70_000)
    with pytest.raises(StoreError):
        explore(tmp_path / "none")
