"""What every verb that asks a served model says in the same way."""

from typing import TYPE_CHECKING

from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.config.endpoint import Endpoint


def find_endpoint(
    url: str, model: str, key_variable: str, timeout_s: float, stream: bool = False
) -> "Endpoint":
    """Where a model is served, once what asking it takes is known to be there."""
    from pydantic import ValidationError

    from gazal.config.endpoint import Endpoint
    from gazal.engine.api import ApiEngine

    try:
        endpoint = Endpoint(
            url=url, model=model, key_variable=key_variable, timeout_s=timeout_s, stream=stream
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"endpoint, {first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"
        ) from None
    ApiEngine(endpoint, name=model)
    return endpoint
