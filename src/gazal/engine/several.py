"""One model behind several services: each takes a share of the requests, and what one drops others take."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from queue import Full, Queue
from threading import Event as StopEvent
from threading import Thread

from gazal.config.sampling import Sampling
from gazal.engine.api import ApiEngine
from gazal.engine.base import Request, Rollout
from gazal.errors import GazalError

log = logging.getLogger(__name__)
Event = Rollout | Exception | None
"""A rollout, why a service ended before its time, or None where it served all that it was given."""


class SeveralEngines:
    """Asks several services that serve one model; each has ``sampling.batch_size`` requests in flight.

    A reply does not depend on who wrote it as far as services keep to the seed that each request carries. A
    service that cannot be reached, or serves nothing of ten requests, is left out from then on, with a
    warning: what it was to write is missing from the stream, and the next stream asks the others for it.
    """

    def __init__(self, engines: Sequence[ApiEngine]) -> None:
        """At least one."""
        self._alive = list(engines)

    def stream(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> Iterator[Rollout]:
        """Rollouts as they come, in no order. Who stops taking them ends the requests that are in flight.

        Raises:
            GazalError: What the last service said, when none is left.
        """
        n = len(self._alive)
        # One place: who is stopped has lost no more replies than may be in flight.
        events: Queue[tuple[ApiEngine, Event]] = Queue(maxsize=1)
        stopped = StopEvent()
        for number, engine in enumerate(self._alive):
            part = requests[number::n]
            words = (engine, engine.stream(part, sampling, seed), events, stopped)
            Thread(target=_pass_on, args=words, daemon=True).start()
        try:
            yield from self._collect(events, n)
        finally:
            stopped.set()

    def _collect(self, events: "Queue[tuple[ApiEngine, Event]]", n: int) -> Iterator[Rollout]:
        while n:
            engine, event = events.get()
            if isinstance(event, Rollout):
                yield event
                continue
            n -= 1
            if event is None:
                continue
            self._alive.remove(engine)
            if not self._alive or not isinstance(event, GazalError):
                raise event
            log.warning("left out from now on: %s", event)


def _pass_on(
    engine: ApiEngine,
    stream: Iterator[Rollout],
    events: "Queue[tuple[ApiEngine, Event]]",
    stopped: StopEvent,
) -> None:
    """Put what a service writes where it is taken from, until nobody takes any more."""
    last: Event = None
    try:
        with closing(stream):  # pyright: ignore[reportArgumentType]
            for rollout in stream:
                if not _put(events, (engine, rollout), stopped):
                    return
    except Exception as error:  # noqa: BLE001  It is raised where the rollouts are taken.
        last = error
    _put(events, (engine, last), stopped)


def _put(
    events: "Queue[tuple[ApiEngine, Event]]", event: tuple[ApiEngine, Event], stopped: StopEvent
) -> bool:
    while not stopped.is_set():
        try:
            events.put(event, timeout=0.1)
        except Full:
            continue
        return True
    return False
