"""What steps the weights: AdamW, EXAdam, or Muon for matrices and AdamW for the rest."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from gazal.config.optim import OptimConfig
from gazal.train.exadam import EXAdam


def make_optimizers(parameters: Mapping[str, nn.Parameter], optim: OptimConfig) -> tuple[Optimizer, ...]:
    """Optimizers that share the parameters among them; each group names its ``share`` of the learning rate.

    Args:
        parameters: The weights that train, by name.
        optim: Which optimizer, and its knobs.
    """
    matrices = [p for name, p in parameters.items() if optim.optimizer == "muon" and _is_matrix(name, p)]
    taken = {id(p) for p in matrices}
    rest = [p for p in parameters.values() if id(p) not in taken]
    made: list[Optimizer] = []
    if matrices:
        # Steps as long as AdamW's, so that rates of both mean the same.
        made.append(
            torch.optim.Muon(
                [{"params": matrices, "share": optim.muon_share}],
                lr=optim.learning_rate,
                weight_decay=optim.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if rest:
        betas = (0.9, optim.beta2)
        group = {"params": rest, "share": 1.0}
        kind = EXAdam if optim.optimizer == "exadam" else AdamW
        made.append(kind([group], lr=optim.learning_rate, betas=betas, weight_decay=optim.weight_decay))
    return tuple(made)


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether it maps vectors to vectors; a table of embeddings does not."""
    return parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
