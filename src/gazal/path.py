"""``gazal run``: the stages in their order, each made once, each in its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gazal.config.recipe import Recipe
from gazal.core.stage import close_stage, open_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage is."""

    stage: str
    done: int
    of: int
    note: str = ""
    """The newest numbers, for a person."""


def pretrain(recipe: Recipe, out: Path) -> Iterator[Progress]:
    """Make a small base model from nothing: its tokenizer, its weights, its card."""
    from gazal.model.build import build_model, train_tokenizer
    from gazal.model.card import write_card
    from gazal.model.save import save_model
    from gazal.train.loop import train
    from gazal.train.pretrain import Pretraining, write_texts
    from gazal.world.knowledge import load_knowledge

    config, knowledge = recipe.pretrain, load_knowledge().version
    assert config is not None
    stage = open_stage(out / "base", {**config.model_dump(mode="json"), "knowledge": knowledge}, recipe.seed)
    if stage is None:
        return
    tokenizer = train_tokenizer(write_texts(config, recipe.seed), config.shape.vocabulary, config.shape.context)
    model = build_model(config.shape, tokenizer, recipe.seed)
    training = Pretraining(model, tokenizer, config, recipe.seed)
    for step in train(training, stage.part, stage.fingerprint):
        yield Progress(stage="pretrain", done=step.step, of=step.of, note=f"loss {step.metrics['loss']:.3f}")
    save_model(model, tokenizer, stage.part, dtype="bfloat16")
    write_card(stage.part, model, stage.made_from)
    close_stage(stage, {"steps": config.steps, "parameters": model.num_parameters()})
