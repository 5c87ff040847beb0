"""Claims hold until they expire, are handed on when their worker dies, and are fenced; on every database."""

import multiprocessing
import time

import pytest

import factories
import postgres_server
from spareto.core.errors import StoreError
from spareto.study.database.heart import Heart
from spareto.study.database.tasks import LostClaim, Task
from spareto.study.store import STORE_NAME, TrialStore

TRIALS = factories.study()
WRITERS, COUNT = 8, 2000


@pytest.fixture(scope="module")
def server():
    postgres_server.skip_without_server()
    with postgres_server.serving() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where a store can be, on each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / STORE_NAME)
    return f"{request.getfixturevalue('server')}&study={request.node.name}"


@pytest.fixture
def store(place):
    with TrialStore(place) as store:
        yield store


def asked(store, count=3, needs=None):
    store.tasks.ask([Task(f"key {n}", {"label": f"recipe {n}"}, needs) for n in range(count)], "owner")


def test_tasks_are_claimed_in_order_and_each_once(store):
    asked(store)
    claims = [store.tasks.claim("one") for _ in range(4)]
    assert [claim and claim.key for claim in claims] == ["key 0", "key 1", "key 2", None]
    assert [running.job["label"] for running in store.tasks.running()] == ["recipe 0", "recipe 1", "recipe 2"]


def test_a_trial_ends_its_task_in_the_same_transaction(store):
    asked(store)
    last, first = [store.tasks.claim("one", key=f"key {n}") for n in (2, 0)]
    for claim in (last, first):
        store.put(claim.key, TRIALS[0], claim)
    assert [key for key, _ in store.items()] == ["key 0", "key 2"], (
        "places are given when tasks are asked for"
    )
    assert store.tasks.waiting() == 1
    with pytest.raises(LostClaim):
        store.put(first.key, TRIALS[1], first)
    assert store.get("key 0") == TRIALS[0]


def test_a_task_waits_for_what_it_needs(store):
    asked(store, 1)
    store.tasks.ask([Task("behind", {}, "key 0")], "owner")
    claim = store.tasks.claim("one")
    assert store.tasks.claim("one") is None
    store.put(claim.key, TRIALS[0], claim)
    assert store.tasks.claim("one").key == "behind"


def test_a_worker_that_comes_back_late_overwrites_nothing(store):
    asked(store, 1)
    late = store.tasks.claim("one")
    assert store.tasks.claim("two") is None
    store.tasks.beat([late], lease=-1)  # its time is over
    taken_over = store.tasks.claim("two")
    assert taken_over.attempts == 2
    assert store.tasks.beat([late, taken_over]) == {taken_over.token}
    with pytest.raises(LostClaim, match="another worker took over"):
        store.put("key 0", TRIALS[1], late)
    assert store.get("key 0") is None
    store.put("key 0", TRIALS[0], taken_over)
    with pytest.raises(LostClaim):
        store.put("key 0", TRIALS[1], late)
    assert store.get("key 0") == TRIALS[0]


def test_a_heartbeat_keeps_a_claim_and_tells_of_a_lost_one(store):
    asked(store, 2)
    heart = Heart(store.tasks, lease=1000)
    heart.lease = 0.2  # how often it beats, and not for how long a claim holds
    kept, lost = [store.tasks.claim("one") for _ in range(2)]
    store.tasks.beat([kept], lease=-1)
    store.tasks.release(lost)
    heart.add(kept)
    heart.add(lost)
    until = time.monotonic() + 60
    while not heart.lost(lost) and time.monotonic() < until:
        time.sleep(0.05)
    heart.lease = 1000
    assert heart.lost(lost)
    assert not heart.lost(kept)
    heart.close()
    store.tasks.beat([kept])
    assert [store.tasks.claim("two").key, store.tasks.claim("two")] == ["key 1", None]


def test_a_run_takes_back_what_its_killed_forerunner_had(store):
    asked(store)
    late, others = store.tasks.claim("owner"), store.tasks.claim("other")
    store.tasks.settle("owner")
    assert [running.job["label"] for running in store.tasks.running()] == ["recipe 1"], others
    asked(store)
    assert [store.tasks.claim("owner").key for _ in range(2)] == ["key 0", "key 2"]
    with pytest.raises(LostClaim):
        store.put("key 0", TRIALS[0], late)


@pytest.mark.parametrize("ended", [(1,), (2,), (0, 2), (1, 2), (3, 0)])
def test_places_survive_a_kill(store, ended):
    """Workers end in any order; what a killed run left undone gets the places that are free, its own."""
    asked(store, 4)
    for number in ended:
        claim = store.tasks.claim("owner", key=f"key {number}")
        store.put(claim.key, TRIALS[0], claim)
    store.tasks.claim("owner")
    store.tasks.settle("owner")
    asked(store, 6)  # the study may have grown meanwhile
    while claim := store.tasks.claim("owner"):
        store.put(claim.key, TRIALS[0], claim)
    assert [key for key, _ in store.items()] == [f"key {number}" for number in range(6)]


def test_two_studies_of_a_server_do_not_meet(server):
    with TrialStore(f"{server}&study=one") as one, TrialStore(f"{server}&study=two") as two:
        one.put("key", TRIALS[0])
        one.set_meta(study="one")
        assert (len(one), len(two), two.meta) == (1, 0, {})
    with pytest.raises(StoreError, match="no study 'three'"):
        TrialStore(f"{server}&study=three", read_only=True)
    with (
        TrialStore(f"{server}&study=one", read_only=True) as reader,
        pytest.raises(StoreError, match="read-only"),
    ):
        reader.put("other", TRIALS[0])


def write(place, number):
    """One of several writers: claims what it can, and puts it."""
    with TrialStore(place) as store:
        while (claim := store.tasks.claim(f"writer {number}")) is not None:
            store.put(claim.key, TRIALS[number], claim)


@pytest.mark.parametrize("count", [160, pytest.param(COUNT, marks=pytest.mark.slow)])
def test_eight_writers_lose_nothing_and_do_nothing_twice(place, count):
    with TrialStore(place) as store:
        asked(store, count)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write, args=(place, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    with TrialStore(place, read_only=True) as store:
        assert [key for key, _ in store.items()] == [f"key {n}" for n in range(count)]
        assert len(store.rows(every=True)) == count
        assert store.tasks.waiting() == 0
        assert store.tasks.running() == []
