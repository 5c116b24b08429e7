"""What the comparisons with TRL share: options, a model adapted in both ways, how calls are watched."""

import argparse
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, cast

import peft
import torch
import transformers
import trl
from common import make_model
from peft import PeftModel
from torch import Tensor

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_trainable

CONTEXT = 1024


def read_options(about: str, settings: Collection[str]) -> argparse.Namespace:
    """The command line of such a comparison."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--settings", nargs="+", choices=settings, default=list(settings), help="of TRL")
    return parser.parse_args()


def make_pair(width: int, layers: int, vocabulary: int) -> tuple[PeftModel, PeftModel]:
    """Our adapted model and the same by PEFT alone, as if they had trained: nothing is zero."""
    ours = add_adapter(make_model(width, layers, vocabulary, CONTEXT), AdapterConfig(rank=width // 8), seed=0)
    config = ours.peft_config["default"]
    theirs = cast(PeftModel, peft.get_peft_model(make_model(width, layers, vocabulary, CONTEXT), config))
    trained = list_trainable(theirs)
    with torch.no_grad():
        for name, parameter in list_trainable(ours).items():
            parameter.add_(0.01 * torch.randn(parameter.shape))
            trained[name].copy_(parameter)
    return ours, theirs


def wrap(owner: Any, name: str, by: Callable[..., Any]) -> None:
    """Let ``by`` stand in for a function; it is given the function first."""
    setattr(owner, name, partial(by, getattr(owner, name)))


def take_gradients(model: PeftModel, loss: Tensor) -> dict[str, Tensor]:
    """Of everything that trains, with the loss; the model is left without."""
    found = {"loss": loss}
    for name, parameter in list_trainable(model).items():
        found[name], parameter.grad = cast(Tensor, parameter.grad), None
    return found


def compare(a: dict[str, Tensor], b: dict[str, Tensor]) -> dict[str, float]:
    """Relative differences of loss and gradients."""
    gradients = [(a[name], b[name]) for name in a if name != "loss"]
    return {
        "loss_difference": float((a["loss"] - b["loss"]).abs() / b["loss"].abs()),
        "gradient_difference": max(float((x - y).norm() / y.norm()) for x, y in gradients),
    }


def name_versions() -> dict[str, str]:
    """Of the libraries that are compared."""
    return {library.__name__: library.__version__ for library in (torch, transformers, peft, trl)}
