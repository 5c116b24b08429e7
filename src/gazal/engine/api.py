"""Replies of a model behind any OpenAI-compatible endpoint, many requests in flight."""

import asyncio
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from json import JSONDecodeError
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from gazal.config.endpoint import KEY, Endpoint
from gazal.config.sampling import Sampling
from gazal.core.chat import hash_prompt
from gazal.core.trace import Trace
from gazal.engine.base import Request, Rollout
from gazal.engine.served import (
    Failure,
    FailureRow,
    Pieces,
    Said,
    UnreadableReplyError,
    adapt,
    explain_refusal,
    read_completion,
    read_message,
    write_settings,
)
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = logging.getLogger(__name__)

PAUSES_S = (0.5, 2.0)
"""Before a request is sent again whose reply could not be read."""
CONNECT_S = 10.0
NO_KEY = "none"
"""The client wants a key; servers without one do not look at it."""


class ApiEngine:
    """Asks a service; at most ``sampling.batch_size`` requests are in flight.

    Rollouts have no tokens and no log-probabilities. The same call gives the same rollouts as far as the
    service keeps to the seed that each request carries. A request that cannot be served after all retries is
    a trace whose stop is ``error``; the reason is logged.
    """

    def __init__(self, endpoint: Endpoint, *, name: str) -> None:
        """Look for the client library and the key; nobody is asked yet.

        Raises:
            ConfigError: One of them is missing.
        """
        self.endpoint, self.name = endpoint, name
        self._openai = _import_client()
        self._key = _read_key(endpoint)
        self._refused: set[str] = set()

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests.

        Raises:
            ConfigError: The endpoint cannot be reached, or refuses the key or the model.
            EndpointError: It served nothing of the last ten requests.
        """
        done = dict(self._run(requests, sampling, seed))
        return [done[number] for number in range(len(requests))]

    def stream(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> Iterator[Rollout]:
        """The rollouts of `generate`, each as soon as it is there; raises as `generate` does.

        Who stops taking them ends the requests that are in flight.
        """
        ended = self._run(requests, sampling, seed)
        try:
            for _, rollout in ended:
                yield rollout
        finally:
            ended.close()

    def _run(
        self, requests: Sequence[Request], sampling: Sampling, seed: int
    ) -> Generator[tuple[int, Rollout], None, None]:
        """Which request, and its rollout, as they come out of a thread that does nothing but wait for them.

        A thread, because the caller may itself be in an event loop (a notebook is), and because requests go
        on while the caller works on what it got.
        """
        if not requests:
            return
        ended: SimpleQueue[tuple[int, Rollout] | None] = SimpleQueue()
        loop = asyncio.new_event_loop()
        free = asyncio.Semaphore(sampling.batch_size)
        task = loop.create_task(self._ask_all(requests, sampling, seed, free, ended.put))
        task.add_done_callback(lambda _: ended.put(None))
        thread = Thread(target=loop.run_until_complete, args=(asyncio.wait([task]),), daemon=True)
        thread.start()
        try:
            while (end := ended.get()) is not None:
                yield end
                # Only now: who is stopped has lost no more replies than may be in flight.
                loop.call_soon_threadsafe(free.release)
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join()
            loop.close()
            error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error

    async def _ask_all(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        seed: int,
        free: asyncio.Semaphore,
        put: Callable[[tuple[int, Rollout]], None],
    ) -> None:
        """Ask so many at a time, each worker the next that is left; the first error ends them all."""
        left = iter(enumerate(requests))
        row = FailureRow(self.endpoint)

        async def work(client: "AsyncOpenAI") -> None:
            for number, request in left:
                await free.acquire()
                said = await self._ask(client, request, sampling, seed)
                if isinstance(said, Failure):
                    log.warning(
                        "%s: %s, sample %d: %s", self.name, request.case_id, request.sample, said.reason
                    )
                put((number, self._write_rollout(request, said)))
                row.add(said)

        async with self._open_client() as client:
            await self._knock(client)
            n = min(sampling.batch_size, len(requests))
            workers = [asyncio.create_task(work(client)) for _ in range(n)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _ask(
        self, client: "AsyncOpenAI", request: Request, sampling: Sampling, seed: int
    ) -> Said | Failure:
        """What the service said, or why it did not.

        Raises:
            ConfigError: It will not serve any other request either.
        """
        openai, endpoint = self._openai, self.endpoint
        whole_s = endpoint.timeout_s * (endpoint.retries + 1)  # Against replies that trickle without an end.
        own = False
        try:
            async with asyncio.timeout(whole_s):
                return await self._try(client, request, sampling, seed)
        except openai.APIStatusError as error:
            if refusal := explain_refusal(error, endpoint, self._key is not None):
                raise ConfigError(self._hide(refusal)) from None
            reason = f"status {error.status_code}: {read_message(error)}"
            own = error.status_code in (400, 403, 413, 422)
        except (openai.APITimeoutError, TimeoutError):
            reason = f"no reply within {endpoint.timeout_s:g} s"
        except openai.APIConnectionError as error:
            reason = f"connection failed: {error.__cause__ or error}"
        except (UnreadableReplyError, ValueError) as error:  # ValueError: broken JSON, text that is no UTF-8.
            reason = f"unreadable: {error}"
        return Failure(reason=self._hide(reason), of_request=own)

    async def _try(
        self, client: "AsyncOpenAI", request: Request, sampling: Sampling, seed: int
    ) -> Said | Failure:
        """Ask until there is a reply that can be read; what does not come through the client sends again."""
        pauses = iter(PAUSES_S[: self.endpoint.retries])
        while True:
            settings = write_settings(sampling, request, seed, self._refused)
            try:
                return await self._take(client, request.prompt, settings)
            except self._openai.BadRequestError as error:
                refused = adapt(error, sampling)
                if refused is None or refused not in settings:
                    raise
                self._refused.add(refused)
            except (UnreadableReplyError, JSONDecodeError, UnicodeDecodeError):
                pause = next(pauses, None)
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    async def _take(self, client: "AsyncOpenAI", prompt: str, settings: dict[str, Any]) -> Said | Failure:
        """One reply, whole or in pieces."""
        asked: dict[str, Any] = {
            "model": self.endpoint.model,
            "messages": [{"role": "user", "content": prompt}],
            **settings,
        }
        if not self.endpoint.stream:
            return read_completion(await client.chat.completions.create(**asked))
        pieces = Pieces()
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
        async with await client.chat.completions.create(**asked) as chunks:
            try:
                async for chunk in chunks:
                    pieces.add(chunk)
            except self._openai.APIConnectionError as error:
                raise UnreadableReplyError(f"the stream was cut: {error.__cause__ or error}") from None
        return pieces.read()

    async def _knock(self, client: "AsyncOpenAI") -> None:
        """Find out whether anybody is there before every request waits and tries again.

        Raises:
            ConfigError: Nobody is.
        """
        openai = self._openai
        try:
            await client.with_options(max_retries=1, timeout=CONNECT_S).models.with_raw_response.list()
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            if isinstance(error, openai.APITimeoutError) and type(cause).__name__ != "ConnectTimeout":
                return  # It took the connection: it may be busy.
            raise ConfigError(
                f"endpoint {self.endpoint.host}: cannot be reached ({cause}). Start the server, or check "
                "the URL."
            ) from None
        except openai.APIStatusError:
            return  # It answers; not every service lists its models.

    def _open_client(self) -> "AsyncOpenAI":
        return self._openai.AsyncOpenAI(
            base_url=self.endpoint.url,
            api_key=self._key or NO_KEY,
            max_retries=self.endpoint.retries,
            timeout=self._openai.Timeout(self.endpoint.timeout_s, connect=CONNECT_S),
        )

    def _hide(self, text: str) -> str:
        """Some services repeat the key in what they say."""
        return text.replace(self._key, f"${self.endpoint.key_variable}") if self._key else text

    def _write_rollout(self, request: Request, said: Said | Failure) -> Rollout:
        served = isinstance(said, Said)
        trace = Trace(
            case_id=request.case_id,
            text=said.text if served else "",
            sample=request.sample,
            model=self.name,
            stop=said.stop if served else "error",
            n_tokens=said.n_tokens if served else None,
            prompt_hash=hash_prompt(request.prompt),
        )
        return Rollout(trace=trace, prompt_tokens=(), tokens=(), logprobs=())


def _import_client():
    try:
        import openai
    except ModuleNotFoundError:
        raise ConfigError(
            "endpoint: the client library is not installed. Run: pip install 'openai>=3,<4'."
        ) from None
    return openai


def _read_key(endpoint: Endpoint) -> str | None:
    """The key, where there is one.

    Raises:
        ConfigError: A variable was named for it and is not set.
    """
    key = os.environ.get(endpoint.key_variable, "").strip()
    if not key and endpoint.key_variable != KEY:
        raise ConfigError(
            f"endpoint {endpoint.host}: ${endpoint.key_variable} is not set. Put the key into it: "
            f"export {endpoint.key_variable}=..."
        )
    return key or None
