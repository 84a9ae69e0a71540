"""Commands on predictions."""

from typing import Annotated

import msgspec
import typer

from sadakat.entry.terminal import Json, boot, now, print_json, print_table, say
from sadakat.predictions.types import Assumptions, CustomerScores, ModelCard, ScoreName

app = typer.Typer(no_args_is_help=True, help="What is expected of each customer.")


@app.command("train")
def train(
    *,
    score: Annotated[list[ScoreName] | None, typer.Option(help="One score, may be said again; default all.")] = None,
    margin: Annotated[float | None, typer.Option(help="Margin of a unit of revenue, for lifetime value.")] = None,
    discount: Annotated[float | None, typer.Option(help="What money loses in value in a year.")] = None,
    as_json: Json = False,
) -> None:
    """Trains the scores, tries each on past days, and gives them to everybody.

    JSON: `as_of`, `trained` (models, as under `model` of `scores`) and `refused` (`score`, `reason`).
    """
    boot()
    from sadakat.platform import audit
    from sadakat.predictions import api as predictions

    said, at = predictions.assumptions(), now()
    assumptions = Assumptions(
        margin_ratio=said.margin_ratio if margin is None else margin,
        discount_ratio=said.discount_ratio if discount is None else discount,
    )
    report = predictions.train(scores=score or list(ScoreName), assumptions=assumptions, actor=audit.CLI, at=at)
    predictions.score(actor=audit.CLI, at=at)
    if as_json:
        print_json(msgspec.to_builtins(report))
        return
    for model in report.trained:
        figures = ", ".join(f"{name} {value:,.3f}" for name, value in model.backtest.means.items())
        say.print(f"[bold]{model.score}[/]: {model.method}, {model.customers:,} customers; {figures}", highlight=False)
    for refusal in report.refused:
        say.print(f"[bold]{refusal.score}[/] refused: {refusal.reason}", highlight=False)


@app.command("scores")
def scores(
    *,
    customer: Annotated[str | None, typer.Option(help="One customer: an id or TYPE:VALUE.")] = None,
    as_json: Json = False,
) -> None:
    """The scores: how they are spread and how good they are, or those of one customer.

    JSON: a list by score of `model` (`method`, `parameters`, `as_of`, `customers`, `backtest`, `limits`; null: none),
    `scoring` (`as_of`, `customers`, `mean`, `median`, `distribution`, `drift`) and `refusal`; of a customer
    `customer_id` and `scores` (`name`, `value`, `as_of`, `reasons`).
    """
    boot()
    from sadakat.customers import api as customers
    from sadakat.predictions import api as predictions

    told = predictions.cards() if customer is None else predictions.scores_of(customers.find(customer))
    if as_json:
        print_json(msgspec.to_builtins(told))
    elif isinstance(told, CustomerScores):
        print_table(
            [
                {
                    "score": each.name,
                    "value": "" if each.value is None else f"{each.value:,.3f}",
                    "as of": each.as_of or "",
                    "because of": ", ".join(f"{reason.key} {reason.value:,.2f}" for reason in each.reasons),
                }
                for each in told.scores
            ],
            as_json=False,
        )
    else:
        print_table([_line(card) for card in told], as_json=False)


def _line(card: ModelCard) -> dict[str, object]:
    scoring = card.scoring
    return {
        "score": card.score,
        "method": card.model.method if card.model else "",
        "as of": scoring.as_of if scoring else "",
        "customers": f"{scoring.customers:,}" if scoring else "",
        "mean": f"{scoring.mean:,.3f}" if scoring and scoring.mean is not None else "",
        "median": f"{scoring.median:,.3f}" if scoring and scoring.median is not None else "",
        "refused": card.refusal.reason if card.refusal else "",
    }
