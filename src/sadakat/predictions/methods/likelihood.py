"""The maximum of a likelihood within bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from sadakat.predictions.types.methods import Floats

Objective = Callable[[Floats], tuple[float, Floats]]
"""Mean log-likelihood a customer, and its gradient."""

MAX_STEPS: Final = 500
# A change of a hundred-thousandth in a logarithm of a parameter then changes the mean log-likelihood by 1e-10.
FLAT_GRADIENT: Final = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """Where a likelihood is highest."""

    point: Floats
    value: float
    converged: bool
    """The gradient is flat, except where a bound stops the way up."""
    is_at_bound: Sequence[bool]
    """For each coordinate."""


def maximise(objective: Objective, *, starts: Sequence[Floats], bound: tuple[float, float]) -> Maximum:
    """The best maximum that L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995) reaches from `starts`, within one bound for all."""

    def loss(point: Floats) -> tuple[float, Floats]:
        value, gradient = objective(point)
        return -value, -gradient

    # The search is over a handful of numbers: more threads only wait for each other, for longer than it takes.
    with threadpool_limits(limits=1):
        best = min(
            (
                optimize.minimize(
                    loss,
                    np.clip(start, *bound),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=[bound] * len(start),
                    options={"maxiter": MAX_STEPS, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 20},
                )
                for start in starts
            ),
            key=lambda found: float(found.fun),
        )
    low, high = best.x <= bound[0], best.x >= bound[1]
    downhill = np.where(low, np.minimum(best.jac, 0), np.where(high, np.maximum(best.jac, 0), best.jac))
    return Maximum(
        point=best.x,
        value=-float(best.fun),
        converged=bool(np.abs(downhill).max() < FLAT_GRADIENT),
        is_at_bound=(low | high).tolist(),
    )
