"""Models held in this process: their replies, and what they choose by likelihood."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gazal.config.model import ModelConfig
from gazal.core.case import Case
from gazal.core.store import read_traces, write_lines
from gazal.engine.local import LocalEngine
from gazal.evaluate.reasoning import alter
from gazal.evaluate.results import MANNERS
from gazal.evaluate.run import How, collect_replies
from gazal.evaluate.samples import keep_first
from gazal.model.likelihood import choose_letter, choose_options
from gazal.model.load import load_model, load_tokenizer
from gazal.model.merge import load_merged


class LoadedModel:
    """One model in memory, for as long as it is asked."""

    def __init__(self, name: str, config: ModelConfig, adapter: Path | None) -> None:
        """Load it, and merge the adapter into it where there is one."""
        self.name, self.thinking = name, config.enable_thinking
        self.tokenizer = load_tokenizer(config)
        self.model = load_merged(config, adapter) if adapter else load_model(config)

    def reply(self, cases: Sequence[Case], how: How, path: Path) -> Iterator[tuple[str, int, int]]:
        """Write its replies into a file; yields as `run_evaluation` does."""
        engine = LocalEngine(self.model, self.tokenizer, enable_thinking=self.thinking, name=self.name)
        for done, _ in enumerate(collect_replies(engine, cases, how, path), 1):
            yield self.name, done, len(cases) * how.samples

    def choose(self, cases: Sequence[Case], path: Path) -> Iterator[tuple[str, int, int]]:
        """Write which options it holds most likely into a file; yields as `run_evaluation` does."""
        optional = [case for case in cases if case.options]
        both = (
            choose_options(self.model, self.tokenizer, optional, enable_thinking=self.thinking, listed=listed)
            for listed in MANNERS.values()
        )
        found: list[dict[str, Any]] = []
        for choice in zip(*both, strict=True):
            described = zip(MANNERS, map(asdict, choice), strict=True)
            found.append({"case_id": choice[0].case_id, **dict(described)})
            yield f"{self.name}, options by likelihood", len(found), len(optional)
        write_lines(path, found, lambda record: json.dumps(record).encode())

    def answer_after(
        self, cases: Sequence[Case], replies: Path, path: Path
    ) -> Iterator[tuple[str, int, int]]:
        """Write the letters it holds most likely after its own steps, altered; yields as `run_evaluation`."""
        altered = alter(cases, keep_first(read_traces(replies)))
        found: list[dict[str, Any]] = []
        self.model.eval()
        for one in altered:
            letters = {
                name: choose_letter(self.model, self.tokenizer, one.case, prefix, self.thinking)
                for name, prefix in one.prefixes.items()
            }
            found.append({"case_id": one.case.id, "chosen": one.chosen, "letters": letters})
            yield f"{self.name}, altered reasoning", len(found), len(altered)
        write_lines(path, found, lambda record: json.dumps(record).encode())
