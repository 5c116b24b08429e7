"""``gazal ui``: the page of a run."""

import ipaddress
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gazal.errors import ConfigError, DataError

TOKEN, SHORTEST = "GAZAL_UI_TOKEN", 16


def ui(
    run: Annotated[Path, typer.Argument(help="A run, or the folder of an evaluation.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Listen beyond this machine; needs a token.")
    ] = False,
) -> None:
    """Ask a run's models side by side, browse what they wrote, tag it; on this machine alone."""
    if not find_spec("gradio"):
        raise ConfigError("gradio: not installed. Run pip install 'gazal[ui]'.")
    token = check_binding(host, allow_remote, os.environ.get(TOKEN, "").strip() or None)
    if not run.is_dir():
        raise DataError(f"{run}: no such folder. Name a run, such as runs/demo.")
    from gazal.serve.items import list_sources
    from gazal.serve.page import build_page, launch, open_bench

    if not (run / "recipe.yaml").is_file() and not list_sources(run):
        raise DataError(f"{run}: neither a run nor an evaluation. Name a folder such as runs/demo.")
    page = build_page(open_bench(run))
    typer.echo(f"http://{host}:{port} (Ctrl-C ends it)")
    if token:
        typer.echo(f"name: gazal, password: what ${TOKEN} holds")
    launch(page, host, port, token)


def check_binding(host: str, allow_remote: bool, token: str | None) -> str | None:
    """The token that visitors need; None where only this machine can come.

    Raises:
        ConfigError: The page would be open to others without being asked to, or without a good token.
    """
    if is_loopback(host):
        return token
    if not allow_remote:
        raise ConfigError(
            f"--host {host} would open the page to other machines. Keep 127.0.0.1, or say --allow-remote and "
            f"put a token into ${TOKEN}."
        )
    if token is None or len(token) < SHORTEST:
        raise ConfigError(
            f"--allow-remote needs a token of {SHORTEST} characters or more in ${TOKEN}: it is the password."
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
