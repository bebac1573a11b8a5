"""The program that grades for a validation server: a question a line on stdin, an answer a line on stdout.

    python -m mlmaster.mlebench.grading_child COMPETITION DATA_DIR SECONDS BYTES

It loads the competition's grader once and forks for every submission. The server itself never touches the answers, and what
a submission costs ends with its fork. Only `grading_worker.py` starts it.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from mlmaster.errors import MLMasterError
from mlmaster.mlebench.alone import Abandoned, Answer, Unanswered, run_alone
from mlmaster.mlebench.disclosure import source_words
from mlmaster.mlebench.graders.grader import grader_of
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition
from mlmaster.mlebench.tables import read_answers
from mlmaster.mlebench.validation import validate

_SLOW = ("sklearn.metrics", "scipy.stats")
"""What graders import when they are called, and what takes a while."""


def main(competition_id: str, data_dir: str, seconds: str, memory_bytes: str) -> None:
    """Answer until stdin ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints is an answer
    place = Place(Path(data_dir), competition(competition_id))
    ask = partial(run_alone, seconds=float(seconds), memory_bytes=int(memory_bytes), asker=0)

    def say(answer: Answer) -> None:
        print(json.dumps(answer), file=replies, flush=True)

    try:
        _load(place)
        say(ask(partial(_prove, place)))
        # never buffered ahead: while a submission is graded, anything that can be read of stdin is its end
        for line in iter(partial(_read_line, 0), b""):
            try:
                say(ask(partial(_judge, Path(json.loads(line)), place)))
            except Unanswered as failure:
                say({"failure": str(failure)})
    except (Unanswered, MLMasterError) as error:
        say({"failure": str(error)})
    except (Abandoned, BrokenPipeError):
        pass


def _load(place: Place) -> None:
    """Load what every submission needs, so that no fork has to."""
    grader_of(place.competition)
    source_words()
    graders = [module for name, module in sys.modules.items() if name.startswith("mlmaster.mlebench.graders.")]
    source = "".join(inspect.getsource(module) for module in graders)
    for name in _SLOW:
        if name in source or f"from {name.partition('.')[0]} import" in source:
            import_module(name)


def _prove(place: Place) -> Answer:
    """Say whether submissions can be graded at all."""
    try:
        read_answers(place.require_answers())
    except MLMasterError as error:
        return {"failure": str(error)}
    return {"is_ready": True}


def _judge(submission: Path, place: Place) -> Answer:
    found = validate(submission, place)
    return {"is_valid": found.is_valid, "message": found.message}


def _read_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            return b""
        line += byte
    return line


if __name__ == "__main__":
    main(*sys.argv[1:])
