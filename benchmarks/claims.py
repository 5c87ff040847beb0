"""Claim traffic of many workers on one PostgreSQL server: asynchronous clients claim, beat and put trials.

python -m benchmarks.claims [--workers 10000] [--trials 30000] [--connections 60] [--url postgresql://...]

Each client is a worker: it claims a task, beats once while its trial is under way, and puts the trial, by the
same statements as `spareto.study`; the waiting in between stands for the training. Without --url a server of
Debian's is started on a socket of its own. Ends with an error if a trial is lost, twice or out of its fence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from spareto.study.database.tasks import Claim, Task
from spareto.study.store import TrialStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


class Traffic:
    """All clients of one measurement.

    Args:
        store: Knows the statements.
        engine: Asynchronous connections to the same server.
        trial: What each of them puts.
        pause: Seconds that a training takes, on average.
        lease: Seconds that a claim holds.
    """

    def __init__(
        self, store: TrialStore, engine: AsyncEngine, trial: object, pause: float, lease: float
    ) -> None:
        self.lease = lease
        self.store, self.engine, self.trial, self.pause = store, engine, trial, pause
        self.seconds: dict[str, list[float]] = {"claim": [], "beat": [], "put": []}
        self.done = 0

    async def worker(self, number: int) -> None:
        """Work until nothing is left."""
        draw = random.Random(number)
        await asyncio.sleep(draw.random() * self.pause)
        tasks = self.store.tasks
        while True:
            claim: Claim | None = await self._timed(
                "claim", lambda c: tasks.claim_in(c, "many", f"worker {number}", lease=self.lease)
            )
            if claim is None:
                return
            await asyncio.sleep(draw.expovariate(2 / self.pause))
            alive = await self._timed(
                "beat", lambda c, held=claim: tasks.beat_in(c, [held], lease=self.lease)
            )
            assert alive == {claim.token}, "a claim was lost"
            await asyncio.sleep(draw.expovariate(2 / self.pause))
            await self._timed("put", lambda c, held=claim: self.store.put_in(c, held.key, self.trial, held))
            self.done += 1

    async def _timed(self, what: str, do: Callable[[Connection], object]) -> object:
        began = time.perf_counter()
        async with self.engine.begin() as connection:
            found = await connection.run_sync(do)
        self.seconds[what].append(time.perf_counter() - began)
        return found


async def traffic(
    url: str, workers: int, trials: int, connections: int, pause: float, lease: float
) -> dict[str, object]:
    """Fill the queue, let every worker at it, and count."""
    import factories

    name = f"traffic-{time.time_ns()}"
    joined = f"{url}{'&' if '?' in url else '?'}study={name}"
    trial = factories.study()[3]
    with TrialStore(joined) as store:
        store.tasks.ask([Task(f"key {n}", {"label": f"recipe {n}"}) for n in range(trials)], "many")
        engine = create_async_engine(
            store.place.server, pool_size=connections, max_overflow=0, pool_timeout=600,
            connect_args={"client_encoding": "utf8"},
        ).execution_options(schema_translate_map={None: store.place.schema})  # fmt: skip
        many = Traffic(store, engine, trial, pause, lease)
        began = time.perf_counter()
        clients: list[Awaitable[None]] = [many.worker(n) for n in range(workers)]
        await asyncio.gather(*clients)
        took = time.perf_counter() - began
        await engine.dispose()
        keys = store.keys()
        assert keys == {f"key {n}" for n in range(trials)}
        assert many.done == trials == len(store)
        assert store.tasks.waiting() == 0
        assert not store.tasks.running()
    said: dict[str, object] = {
        "workers": workers,
        "trials": trials,
        "seconds": took,
        "trials a second": trials / took,
    }
    for what, seconds in many.seconds.items():
        high = statistics.quantiles(seconds, n=100)
        said[what] = {"count": len(seconds), "median ms": 1e3 * high[49], "99 % ms": 1e3 * high[98]}
    return said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=60)
    parser.add_argument("--pause", type=float, default=60.0)
    parser.add_argument("--lease", type=float, default=600.0)
    parser.add_argument("--url")
    given = parser.parse_args()
    with ExitStack() as stack:
        url = given.url
        if url is None:
            from postgres_server import serving

            url = stack.enter_context(serving(given.connections + 20))
        found = asyncio.run(
            traffic(url, given.workers, given.trials, given.connections, given.pause, given.lease)
        )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
