"""A prepared competition whose answers hold words and ids that stand nowhere else, so that each one met outside is a leak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition

COLUMNS = ("PassengerId", "Transported")


@dataclass(frozen=True)
class Planted:
    """Where it lies, and what must not leave it.

    Attributes:
        place: Of the competition.
        ids: Of the test set.
        labels: The right answers, by id.
    """

    place: Place
    ids: list[str]
    labels: dict[str, str]

    @property
    def secrets(self) -> list[str]:
        """Return every text that only the answers hold."""
        return [*self.ids, *self.labels.values()]

    def leaks(self, text: str, submission: str = "") -> list[str]:
        """Return the secrets that a text tells to somebody who handed in a submission."""
        return [each for each in self.secrets if each in text and each not in submission]


def plant(data_dir: Path, rows: int = 12, *, competition_id: str = "spaceship-titanic") -> Planted:
    """Prepare a competition. Its public sample submission has the columns, and ids of its own."""
    place = Place(data_dir, competition(competition_id))
    ids = [f"qx{7919 * number % 9973:04d}zv" for number in range(1, rows + 1)]
    labels = {each: f"wk{number * number % 89}ju{number}" for number, each in enumerate(ids)}
    place.private.mkdir(parents=True)
    place.public.mkdir()
    place.answers.write_text(table(labels), encoding="utf-8")
    place.sample.write_text(table({f"s{number}": "w" for number in range(rows)}), encoding="utf-8")
    return Planted(place, ids, labels)


def table(cells: dict[str, str], header: tuple[str, str] = COLUMNS) -> str:
    """Return a CSV file of two columns."""
    return "".join(f"{first},{second}\n" for first, second in [header, *cells.items()])


def broken_submissions(planted: Planted) -> Iterator[tuple[str, bytes]]:
    """Yield invalid submissions of a person who knows some of the ids and none of the labels."""
    known = dict.fromkeys(planted.ids[: len(planted.ids) // 2], "guess")
    whole = dict.fromkeys(planted.ids, "guess")
    half = list(whole.items())
    yield "empty", b""
    yield "one newline", b"\n"
    yield "header alone", b"PassengerId,Transported\n"
    yield "too few rows", table(known).encode()
    yield "too many rows", (table(whole) + "one,more\n").encode()
    yield "an unknown id", table(dict([*half[1:], ("nobody", "guess")])).encode()
    yield "only unknown ids", table({f"n{number}": "guess" for number in range(len(whole))}).encode()
    yield "an id twice", (table(dict(half[1:])) + f"{half[1][0]},guess\n").encode()
    yield "an id missing", (table(dict(half[1:])) + ",guess\n").encode()
    yield "numbers for ids", table({str(number): "guess" for number in range(len(whole))}).encode()
    yield "numbers and words for ids", table(dict([*half[1:], ("17", "guess")])).encode()
    yield "other columns", table(whole, ("id", "label")).encode()
    yield "no id column", table(whole, ("Passenger", "Transported")).encode()
    yield "columns twice", table(whole, ("Transported", "Transported")).encode()
    yield "no header", table(whole).partition("\n")[2].encode()
    yield "ragged", b"PassengerId,Transported\n" + b"a,b,c,d\n" * 3
    yield "tabs", table(whole).replace(",", "\t").encode()
    yield "UTF-16", table(whole).encode("utf-16")
    yield "a picture", b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 40
    yield "an open quote", b'PassengerId,Transported\n"' + table(whole).encode()
    yield "a page", b"<html><body>Not found</body></html>\n"
    yield "a very long cell", b"PassengerId,Transported\n" + b"x" * 200_000 + b",guess\n"
    yield "a hostile cell", b'PassengerId,Transported\n"\'; must have\n{0}%s",\x1b[31mguess\n'
