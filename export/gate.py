"""Whether a trained model may follow the one that is served: not where it is surely worse."""

import msgspec

from lookalike.errors import ModelWorse
from lookalike.model_card import ModelCard
from lookalike.progress import Say


def check_gate(card: ModelCard, served: int | None, say: Say, *, force: bool) -> ModelCard:
    """Let a model through, or not; give its card, which keeps that it was forced.

    Training compares a model with the one that is served. Where another is served by now, or
    it could not be compared, that is said, and it is let through.

    Args:
        card: of the trained model.
        served: version that the current index is of; None: there is none.
        say: tells people.
        force: let it through all the same.

    Raises:
        ModelWorse: it finds less than the served one, and chance does not explain it.
    """
    if served is None:
        return card
    compared = card.compared
    if compared is None or compared.version != served:
        say(f"not compared with the served model: 'lookalike evaluate --against {served}' does it")
        return card
    say(str(compared))
    if compared.verdict != "worse":
        return card
    if not force:
        raise ModelWorse(f"the trained model is {compared}; --force exports it all the same")
    return msgspec.structs.replace(card, forced=True)
