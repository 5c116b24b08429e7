"""A model that somebody serves over HTTP, as OpenAI's chat completions."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gazal.config.base import Settings, Text

KEY = "OPENAI_API_KEY"
"""Environment variable of the key where none is named."""


class Endpoint(Settings):
    """Where a model is served and how patient to be. The key itself is never a setting."""

    url: Text
    """Its base, such as ``http://localhost:8000/v1``; ``/chat/completions`` is put after it."""
    model: Text
    """As the service calls it."""
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = KEY
    """Environment variable that holds the key; a service that asks for none needs none set."""
    timeout_s: Annotated[float, Field(gt=0.0)] = 600.0
    """How long one reply may take."""
    stream: bool = False
    """Take each reply word by word: services and proxies that cut silent connections keep them open."""
    retries: Annotated[int, Field(ge=0)] = 6
    """How often a request is sent again after a time-out, a cut connection, status 429 or 5xx."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        except ValueError:
            known, parts = False, urlsplit("")
        if parts.username is not None or parts.password is not None or parts.query:
            # What is wrong is not repeated: it may be a secret.
            raise ValueError(
                "holds a user, a password or a query. Give host and path alone and put the key into an "
                "environment variable."
            )
        if not known or re.search(r"\s", url):
            raise ValueError(f"{url!r} is no URL. Give one such as http://localhost:8000/v1.")
        return url.rstrip("/")

    @property
    def host(self) -> str:
        """Host, and port where one is given: what files may say of where replies came from."""
        return urlsplit(self.url).netloc
