"""EXAdam: Adam whose moments correct each other, with the newest gradient in the step."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class EXAdam(Optimizer):
    """Adam with debiasing across the moments and an acceleration by the gradient.

    With moments ``m`` and ``v`` as in Adam, after ``t`` steps::

        d1 = 1 + v / (v + eps) * beta2^t        d2 = 1 + m^2 / (m^2 + eps) * beta1^t
        step = (m + g) / (1 - beta1^t) * d1 / (sqrt(v / (1 - beta2^t) * d2) + eps)

    Weight decay is decoupled, as in AdamW. At the same learning rate steps are longer than AdamW's, as the
    gradient is added in full and divided by ``1 - beta1^t``: the first one 16 times with the usual betas.

    Source:
        Adly 2024, arXiv:2412.20302; the equations as the catalogue at junaidaliop.github.io/zij states them.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Step every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, group)
        return loss

    def _step(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2), eps = self.state[parameter], group["betas"], group["eps"]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        t, m, v = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        m.lerp_(gradient, 1 - beta1)
        v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        squared = m.square()
        d1 = v.div(v + eps).mul_(beta2**t).add_(1)
        d2 = squared.div(squared + eps).mul_(beta1**t).add_(1)
        down = d2.mul_(v).div_(1 - beta2**t).sqrt_().add_(eps)
        up = d1.mul_(m + gradient)
        parameter.addcdiv_(up, down, value=-group["lr"] / (1 - beta1**t))
