"""Where a model is, told without loading it: the shipped tiny base, a folder, or a checkpoint on the hub."""

import difflib
import json
import re
from importlib.resources import files
from pathlib import Path

from gazal.errors import ConfigError, DataError

TINY_BASE = "tiny-base"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TOKENIZERS = ("tokenizer.json", "vocab.json", "tokenizer.model")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def find_model(path: str) -> Path | str:
    """Where a model is: a folder, or the name of a checkpoint on the hub.

    Args:
        path: ``tiny-base``, a folder, or ``owner/name``. A folder that exists comes before the hub.
    """
    if path == TINY_BASE:
        return find_tiny_base()
    place = Path(path).expanduser()
    if place.is_dir():
        return _check_folder(place)
    if place.is_file():
        raise ConfigError(f"model.path: {path} is a file. Give the folder that holds it.")
    if _HUB_ID.fullmatch(path) and not place.parent.exists() and path[0] != ".":
        return path
    raise ConfigError(f"model.path: {path} does not exist.{_near(place)}")


def find_tiny_base() -> Path:
    """Folder of the base model that is shipped with the package."""
    place = Path(str(files("gazal.model") / "tiny_base"))
    if not (place / "config.json").is_file():
        raise ConfigError(
            f"model.path: this installation holds no {TINY_BASE}. Install gazal from its wheel, or train "
            "it with `gazal pretrain recipes/tiny-base.yaml` and set model.path to its folder."
        )
    return place


def check_weights(place: Path) -> None:
    """Look for the files of weights, without reading them.

    Raises:
        DataError: One is missing, or they are pickled.
    """
    index = place / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{index}: is no index of weights. Fetch or write the model again.") from error
        missing = sorted(name for name in shards if not (place / name).is_file())
        if missing:
            raise DataError(
                f"{place}: {len(missing)} of {len(shards)} files of weights are missing, the first is "
                f"{missing[0]}. Fetch the model again."
            )
    elif not (place / "model.safetensors").is_file():
        pickled = [file.name for pattern in _PICKLED for file in sorted(place.glob(pattern))]
        if pickled:
            raise DataError(
                f"{place}: its weights are pickled ({pickled[0]}), and reading a pickle can run any code. "
                "Where you trust them, convert them to safetensors (save_pretrained of transformers does)."
            )
        raise DataError(f"{place}: has no model.safetensors. Fetch or write the model again.")


def check_tokenizer(place: Path) -> None:
    """Look for a tokenizer with a chat template, without loading it.

    Raises:
        DataError: There is none.
    """
    if not any((place / name).is_file() for name in _TOKENIZERS):
        raise DataError(f"{place}: has no tokenizer.json. Fetch the model again, with its tokenizer.")
    settings = place / "tokenizer_config.json"
    try:
        inside = settings.is_file() and "chat_template" in json.loads(settings.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(f"{settings}: is no JSON. Fetch the tokenizer again.") from None
    if not inside and not (place / "chat_template.jinja").is_file():
        raise DataError(
            f"{place}: its tokenizer has no chat template, so it cannot be asked. Use the instruction-tuned "
            "model, or add a chat_template.jinja."
        )


def _check_folder(place: Path) -> Path:
    if (place / "config.json").is_file():
        return place
    if (place / "adapter_config.json").is_file():
        raise DataError(
            f"{place}: holds an adapter, not a model. Set model.path to the base it was trained on, or to a "
            "folder of merged weights."
        )
    raise DataError(f"{place}: has no config.json, so it is no model folder.{_near(place / 'config.json')}")


def _near(place: Path) -> str:
    beside = sorted(child.name for child in place.parent.iterdir()) if place.parent.is_dir() else []
    near = difflib.get_close_matches(place.name, beside, n=3, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" Use {TINY_BASE}, a folder with config.json, or a name on the hub such as Qwen/Qwen3-8B."
