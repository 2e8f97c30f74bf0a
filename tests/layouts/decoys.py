"""Columns that are nothing of what the stream has, though some of them look like it.

They are as the columns of real files may be: the time of an update, the price of one part, the
campaign that has the sender's name. In few rows, one of them may be the truth by chance.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from tests.layouts.forms import STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from random import Random

    from tests.layouts.messages import Message

    Written: TypeAlias = Callable[[datetime | None], str]
    Cells: TypeAlias = Sequence[str]
    Decoy: TypeAlias = Callable[[Random, list[Message], Written], Cells]

_TEXTS = ("Hello", 'She said "yes"', "Code 1234; do not share", "two\nlines", "a, b", "Grüße ☃", "")


def _constant(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [rng.choice(("sms", "transactional", "0", "FR", "20801", "true"))] * len(messages)


def _empty(_: Random, messages: list[Message], __: Written) -> Cells:
    return [""] * len(messages)


def _text(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [rng.choice(_TEXTS) for _ in messages]


def _updated(rng: Random, messages: list[Message], written: Written) -> Cells:
    """When something last happened: to most messages when they were sent."""
    last = (m.sent_at or m.created_at for m in messages)
    return [written(at + timedelta(seconds=rng.choice((0, 0, 5, 60, 7200)))) for at in last]


def _delivered(rng: Random, messages: list[Message], written: Written) -> Cells:
    return [
        written(m.sent_at + timedelta(seconds=rng.randrange(30)))
        if m.sent_at and m.status_code == 3
        else ""
        for m in messages
    ]


def _scheduled(rng: Random, messages: list[Message], written: Written) -> Cells:
    """When a message was to be sent: most at once, some later."""
    return [
        written(m.created_at + timedelta(seconds=rng.choice((0, 0, 0, 3600)))) for m in messages
    ]


def _imported(_: Random, messages: list[Message], written: Written) -> Cells:
    """When the file was written."""
    return [written(max(m.created_at for m in messages) + timedelta(hours=2))] * len(messages)


def _elsewhere(rng: Random, messages: list[Message], written: Written) -> Cells:
    """The creation by the clocks of another place."""
    ahead = timedelta(hours=rng.choice((-5, 1, 2, 9)))
    return [written(m.created_at + ahead) for m in messages]


def _priority(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [str(rng.choice((1, 1, 1, 2, 3))) for _ in messages]


def _row_number(_: Random, messages: list[Message], __: Written) -> Cells:
    return [str(number) for number in range(1, len(messages) + 1)]


def _length(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [str(153 * (m.sms_count - 1) + rng.randrange(1, 150)) for m in messages]


def _attempts(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [str(rng.choice((1, 1, 1, 2))) for _ in messages]


def _error_code(rng: Random, messages: list[Message], _: Written) -> Cells:
    """An operator's codes, which are in the range of Mailjet's statuses."""
    return [str(rng.choice((0, 3, 4)) if m.status_code == 3 else rng.choice((1, 5, 9)))
            for m in messages]  # fmt: skip


def _last_status(rng: Random, messages: list[Message], _: Written) -> Cells:
    """The status before the last."""
    return [STATUS_NAMES[rng.choice((1, 2))] for _ in messages]


def _unit_price(_: Random, messages: list[Message], __: Written) -> Cells:
    return [str(m.price / m.sms_count) for m in messages]


def _with_tax(_: Random, messages: list[Message], __: Written) -> Cells:
    return [f"{m.cost_value * 6 / 5:f}" for m in messages]


def _account_currency(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [rng.choice(("EUR", "CHF"))] * len(messages)


def _campaign(rng: Random, messages: list[Message], _: Written) -> Cells:
    """The sender's name on most messages, on others what is promoted."""
    return [rng.choice((m.sender, m.sender, "Summer")) for m in messages]


def _reply_to(rng: Random, messages: list[Message], _: Written) -> Cells:
    """A number that is called back: that of the recipient, for some."""
    return [rng.choice((f"+{m.recipient}", "+33639980000")) for m in messages]


def _batch(rng: Random, messages: list[Message], _: Written) -> Cells:
    ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(3)]
    return [rng.choice(ids) for _ in messages]


def _reference(rng: Random, messages: list[Message], _: Written) -> Cells:
    return [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in messages]


DECOYS: tuple[tuple[tuple[str, ...], Decoy], ...] = (
    (("Type", "Typ", "Channel"), _constant),
    (("Note", "Bemerkung", "Remarque"), _empty),
    (("Text", "Contenu", "Inhalt"), _text),
    (("Updated", "Mis à jour le", "Geändert am"), _updated),
    (("Delivered", "Remis le", "Zugestellt am"), _delivered),
    (("Scheduled", "Planifié le", "Geplant für"), _scheduled),
    (("Exported", "Exporté le", "Exportiert am"), _imported),
    (("Local time", "Heure locale", "Ortszeit"), _elsewhere),
    (("Priority", "Priorité", "Priorität"), _priority),
    (("No.", "N°", "Nr."), _row_number),
    (("Characters", "Caractères", "Zeichen"), _length),
    (("Attempts", "Essais", "Versuche"), _attempts),
    (("Error", "Erreur", "Fehler"), _error_code),
    (("Last state", "État précédent", "Vorheriger Zustand"), _last_status),
    (("Unit price", "Prix unitaire", "Stückpreis"), _unit_price),
    (("With tax", "TTC", "Brutto"), _with_tax),
    (("Account", "Compte", "Konto"), _account_currency),
    (("Campaign", "Campagne", "Kampagne"), _campaign),
    (("Reply to", "Répondre à", "Antwort an"), _reply_to),
    (("Batch", "Lot", "Stapel"), _batch),
    (("Reference", "Référence", "Referenz"), _reference),
)


def draw_decoys(
    rng: Random, messages: list[Message], written: Written
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Some of them: what each may be called, and its cells."""
    chosen = rng.sample(DECOYS, rng.choice((0, 1, 2, 3, 5, 8)))
    return [(words, tuple(decoy(rng, messages, written))) for words, decoy in chosen]
