"""Blends: which nodes, with which weights, averaged how; all of it decided on guide rows.

Weights come from greedy ensemble selection with replacement, bagged (Caruana et al. 2004, "Ensemble Selection from
Libraries of Models"). Each kind of average that the answers allow gets its own weights. The arithmetic mean (for labels
without probabilities: the vote) is kept unless another kind is better by more than one standard error of their paired
difference: blends of the same nodes agree in nearly everything, so that error is small, and real gains pass it.

The arithmetic itself is in `combining`; answers that are neither numbers nor labels (rankings, text) are never blended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.core.task import PredictionKind, Task
from mlmaster.engine import noise
from mlmaster.engine.combining import AVERAGED, LEAST, answer_from, average, form_of, ranks, vote
from mlmaster.engine.evaluation import FULL
from mlmaster.engine.hidden import Hidden
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.submission import labels_from_probabilities
from mlmaster.ports import Array

ROUNDS = 25
BAGS = 5
BAG_SHARE = 0.6
VOTED_CELLS = 20_000_000
"""Votes are counted in a table of rows x labels; no larger one is made."""
LEAST_AGREEMENT = 0.5
"""Cohen's kappa of a script's labels and those its probabilities say; below, its probabilities are of something else."""

Loader = Callable[[int, int], FoldPredictions]
Members = tuple[tuple[int, float], ...]
Utility = Callable[[Array], float]


@dataclass(frozen=True, slots=True)
class Blend:
    """Members with their weights, how they are averaged, and the answers for all hidden rows."""

    kind: BlendKind
    members: Members
    answers: Array


@dataclass(frozen=True, slots=True)
class Space:
    """Where members of one kind are added up: `parts` by node, and the way from a mean of them to answers."""

    kind: BlendKind
    parts: dict[int, Array]
    answer: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Blender:
    """Blends the nodes of a finished search."""

    task: Task
    hidden: Hidden
    load: Loader
    rides_along: bool
    seed: int

    def fit(self, nodes: Sequence[int], out_of_time: Callable[[], bool]) -> Blend | None:
        """Return the best blend of the nodes, best node first; None when there is none of two or more."""
        best: Blend | None = None
        for space in self._spaces(nodes):
            if best is not None and out_of_time():
                break
            blend = self._fit(space, out_of_time)
            if blend is not None and (best is None or self._is_better(blend, best)):
                best = blend
        return best

    def space(self, kind: BlendKind, nodes: Sequence[int]) -> Space:
        """Return the space of a kind that `fit` chose, for nodes that take part in it."""
        return next(space for space in self._spaces(nodes) if space.kind is kind)

    def answers(self, node: int) -> Array:
        """Return a node's own answers for all hidden rows."""
        return np.concatenate([part.hidden for part in self._folds(node)])

    # ---- spaces

    def _spaces(self, nodes: Sequence[int]) -> list[Space]:
        """Return the kinds of average that are allowed, the plainest first."""
        kind = self.task.prediction_kind
        if kind is PredictionKind.LABEL:
            numbers = {node: found for node in nodes if (found := self._probabilities(node)) is not None}
            return [*self._numeric(numbers), *self._voting({node: self.answers(node) for node in nodes})]
        return self._numeric({node: self.answers(node) for node in nodes}) if kind in AVERAGED else []

    def _numeric(self, numbers: dict[int, Array]) -> list[Space]:
        if len(numbers) < 2:
            return []
        form = form_of(self.task, is_by_probabilities=True)

        def averaged(kind: BlendKind) -> Callable[[Array], Array]:
            return lambda mean: answer_from(self.task, average(form, kind, [(1.0, mean)]))

        found = [Space(BlendKind.MEAN, numbers, averaged(BlendKind.MEAN))]
        if form != "number" or all(self._is_positive(node) for node in numbers):
            logs = {node: _logs(form, array) for node, array in numbers.items()}
            found.append(Space(BlendKind.GEOMETRIC, logs, lambda mean: answer_from(self.task, _from_logs(form, mean))))
        if self._may_rank():
            ranked = {node: self._ranks(array) for node, array in numbers.items()}
            found.append(Space(BlendKind.RANK, ranked, lambda mean: mean))
        return found

    def _voting(self, labels: dict[int, Array]) -> list[Space]:
        rows, columns = next(iter(labels.values())).shape
        classes = np.unique(np.concatenate([np.unique(array) for array in labels.values()]))
        if len(labels) < 2 or rows * columns * len(classes) > VOTED_CELLS:
            return []
        flags = {node: (array[:, :, None] == classes).astype(np.float64) for node, array in labels.items()}
        return [Space(BlendKind.VOTE, flags, lambda mean: classes[mean.argmax(axis=2)])]

    def _may_rank(self) -> bool:
        """Ranks need a metric of order alone, and rows that are answered together: new rows come one by one too."""
        numeric = (PredictionKind.NUMBER, PredictionKind.PROBABILITY)
        is_asked_once = self.task.test is not None and self.task.prediction_kind in numeric
        return is_asked_once and self.hidden.metric.is_rank_based

    def _ranks(self, array: Array) -> Array:
        return np.concatenate([ranks(array[fold]) for fold in self.hidden.fold_slices])

    def _is_positive(self, node: int) -> bool:
        folds = self._folds(node)
        tests = [part.test for part in [*folds, *self._tests(node)] if part.test is not None]
        return all(bool((array > 0).all()) for array in [*(part.hidden for part in folds), *tests])

    def _probabilities(self, node: int) -> Array | None:
        """Return the probabilities behind a node's hard labels; None where it has none, or they say something else."""
        folds = self._folds(node)
        pairs = [(part.hidden, part.hidden_probabilities) for part in folds]
        tests = [(part.test, part.test_probabilities) for part in [*folds, *self._tests(node)] if part.test is not None]
        if not _agree(self.task, pairs) or (tests and not _agree(self.task, tests)):
            return None
        return np.concatenate([given for _, given in pairs if given is not None])

    def _folds(self, node: int) -> list[FoldPredictions]:
        return [self.load(node, fold) for fold in range(len(self.hidden.fold_slices))]

    def _tests(self, node: int) -> list[FoldPredictions]:
        """Return the predictions of the real test that do not come with the folds'."""
        return [] if self.task.test is None or self.rides_along else [self.load(node, FULL)]

    # ---- weights

    def _fit(self, space: Space, out_of_time: Callable[[], bool]) -> Blend | None:
        nodes, guide = list(space.parts), self.hidden.guide
        utility = utility_in(self.hidden.take(np.flatnonzero(guide)), space)
        weights = greedy_weights([space.parts[node][guide] for node in nodes], utility, self.seed, out_of_time)
        members = tuple((node, weight) for node, weight in zip(nodes, weights, strict=True) if weight > 0)
        return None if len(members) < 2 else Blend(space.kind, members, self.combined(space.kind, members))

    def combined(self, kind: BlendKind, members: Members) -> Array:
        """Return a blend's answers for all hidden rows, fold by fold as `combining` has it."""
        if kind is BlendKind.VOTE:
            return vote([(weight, self.answers(node)) for node, weight in members])
        is_label = self.task.prediction_kind is PredictionKind.LABEL
        source = self._probabilities if is_label else self.answers
        parts = [(weight, found) for node, weight in members if (found := source(node)) is not None]
        form = form_of(self.task, is_by_probabilities=True)
        slices = self.hidden.fold_slices if kind is BlendKind.RANK else (slice(None),)
        return np.concatenate(
            [answer_from(self.task, average(form, kind, [(w, array[rows]) for w, array in parts])) for rows in slices]
        )

    def _is_better(self, mine: Blend, theirs: Blend) -> bool:
        """Return True when a blend beats a plainer one on guide by more than one standard error."""
        hidden = self.hidden
        try:
            own, other = (hidden.score(each.answers, hidden.guide) for each in (mine, theirs))
        except (SubmissionError, TaskError):
            return False
        vectors = [hidden.resample(each.answers, hidden.guide, noise.RESAMPLES) for each in (mine, theirs)]
        error = noise.standard_error([vectors[0] - vectors[1]])
        return hidden.metric.direction.to_utility(own - other) > error


def utility_in(hidden: Hidden, space: Space) -> Utility:
    """Return the utility on these hidden rows of a mean in a space; minus infinity where it cannot be scored."""

    def utility(mean: Array) -> float:
        try:
            return hidden.metric.direction.to_utility(hidden.score(space.answer(mean), hidden.everything))
        except (SubmissionError, TaskError):
            return float("-inf")

    return utility


def greedy_weights(
    candidates: Sequence[Array], utility: Utility, seed: int, out_of_time: Callable[[], bool]
) -> list[float]:
    """Return weights that sum to 1, one for each candidate (0 for most).

    Args:
        candidates: Numeric predictions, equally shaped, best candidate first.
        utility: Of a blend; higher is better.
        seed: Of the bags.
        out_of_time: Asked between steps; True ends with what there is.
    """
    rng = Random(seed)
    totals = [0.0] * len(candidates)
    for bag in range(BAGS):
        others = range(1, len(candidates))
        # the best is in every bag: a bag of weak ones alone would give weight to what nothing speaks for
        members = [0, *(others if bag == 0 else sorted(rng.sample(others, round(BAG_SHARE * len(others)))))]
        counts = add_greedily([candidates[i] for i in members], utility, out_of_time)
        for i, count in zip(members, counts, strict=True):
            totals[i] += count / sum(counts)
        if out_of_time():
            break
    return [total / sum(totals) for total in totals]


def add_greedily(
    candidates: Sequence[Array], utility: Utility, out_of_time: Callable[[], bool], rounds: int = ROUNDS
) -> list[int]:
    """Return how often each candidate was added: the counts at the best step of one greedy pass."""
    counts = [0] * len(candidates)
    best_counts, best = counts, float("-inf")
    total = np.zeros_like(candidates[0], dtype=np.float64)
    for step in range(1, rounds + 1):
        gains = [utility((total + candidate) / step) for candidate in candidates]
        chosen = int(np.argmax(gains))
        total = total + candidates[chosen]
        counts = [count + (i == chosen) for i, count in enumerate(counts)]
        if gains[chosen] > best or step == 1:
            best_counts, best = counts, gains[chosen]
        if out_of_time():
            break
    return best_counts


def _agree(task: Task, pairs: Sequence[tuple[Array, Array | None]]) -> bool:
    """Return True when probabilities say about the same as the labels, beyond what constant ones would."""
    given = [probabilities for _, probabilities in pairs if probabilities is not None]
    if len(given) < len(pairs):
        return False
    probabilities, labels = np.concatenate(given), np.concatenate([cells for cells, _ in pairs])
    said = labels_from_probabilities(task, probabilities)
    agreed = float((said == labels).mean())
    classes = np.unique(np.concatenate([said.ravel(), labels.ravel()]))
    chance = sum(float((said == name).mean() * (labels == name).mean()) for name in classes)
    return chance >= 1.0 or (agreed - chance) / (1.0 - chance) >= LEAST_AGREEMENT


def _logs(form: str, array: Array) -> Array:
    """Return what is added up for a geometric mean, in NumPy's own arithmetic: weights need no exact bits."""
    if form == "number":
        return np.log(array)
    logs: Array = np.log(np.maximum(array, LEAST))
    return np.stack([logs, np.log(np.maximum(1.0 - array, LEAST))], axis=2) if form == "probability" else logs


def _from_logs(form: str, mean: Array) -> Array:
    powers: Array = np.exp(mean)
    if form == "number":
        return powers
    if form == "probability":
        return np.asarray(powers[:, :, 0] / powers.sum(axis=2))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
