"""Metrics by name: standard names, the wordings of Kaggle and MLE-bench, scikit-learn's names, and a task's own file.

The formulas are in the modules of each family; what a description in words asks for is read in `wording`; whether a metric
fits a task is decided in `rules`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError
from mlmaster.metrics import correlation, labels, probabilities, regression, retrieval, wording
from mlmaster.metrics.custom import load_metric
from mlmaster.metrics.definition import DefinedMetric, Definition, parse_options
from mlmaster.ports import Metric

DEFINITIONS: Mapping[str, Definition] = {
    definition.name: definition
    for definition in (
        *regression.DEFINITIONS,
        *correlation.DEFINITIONS,
        *probabilities.DEFINITIONS,
        *labels.DEFINITIONS,
        *retrieval.DEFINITIONS,
    )
}
"""Every built-in metric by its standard name."""

_DEFAULTS: Mapping[TaskKind, str] = {
    TaskKind.BINARY: "roc_auc",
    TaskKind.MULTICLASS: "log_loss",
    TaskKind.MULTILABEL: "log_loss",
    TaskKind.REGRESSION: "rmse",
}
_DEFAULTS_BY_PREDICTION: Mapping[PredictionKind, str] = {
    PredictionKind.LABEL: "accuracy",
    PredictionKind.RANKING: "map_at_k",
    PredictionKind.TEXT: "jaccard",
    PredictionKind.NUMBER: "rmse",
}
_CUT_OFF = re.compile(r"^(map|mean_average_precision)_(?:at_)?(\d+)$")


def plain(name: str) -> str:
    """Return a name in the one spelling that is looked up: lower case, words joined by `_`, without decoration."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower().replace("²", "2")).strip("_")
    text = re.sub(r"^neg_(?=.)", "", text)
    text = re.sub(r"^(mean_)?column_?wise_(mean_)?|^mean_columnwise_|_(mean_)?column_?wise(_mean)?$", "", text)
    return re.sub(r"(?<=.)_(score|metric)$", "", text)


class Registry:
    """The built-in metrics; implements `mlmaster.ports.MetricRegistry`."""

    def __init__(self, definitions: Iterable[Definition] = tuple(DEFINITIONS.values())) -> None:
        self._definitions = {definition.name: definition for definition in definitions}
        self._names: dict[str, str] = {}
        for definition in self._definitions.values():
            for alias in (definition.name, *definition.aliases):
                if self._names.setdefault(plain(alias), definition.name) != definition.name:
                    raise ValueError(f"metric name {alias!r} stands for two metrics")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the standard names, in order."""
        return tuple(sorted(self._definitions))

    def definition(self, name: str) -> Definition | None:
        """Return the definition behind a name or alias (`map_at_3` is `map_at_k`), or None."""
        found = self._names.get("map_at_k" if _CUT_OFF.match(plain(name)) else plain(name))
        return None if found is None else self._definitions[found]

    def get(self, name: str, params: Mapping[str, float] | None = None, file: Path | None = None) -> Metric:
        """Return a metric; see `mlmaster.ports.MetricRegistry`."""
        return load_metric(file, name) if file is not None else self._built_in(name, params or {})

    def for_task(self, task: Task) -> Metric:
        """Return a task's metric, knowing the order of its classes: which one is positive, and which ratings are higher.

        Raises:
            TaskError: No such metric, or a metric file that cannot be used.
        """
        if task.metric_file is not None:
            return load_metric(task.directory / task.metric_file, task.metric)
        metric = self._built_in(task.metric, task.metric_params)
        metric.options = replace(metric.options, classes=task.classes, is_multilabel=task.kind is TaskKind.MULTILABEL)
        return metric

    def find(self, text: str, kind: TaskKind, prediction_kind: PredictionKind | None = None) -> str | None:
        """Return the metric a description asks for; see `mlmaster.ports.MetricRegistry`.

        Only metrics that make sense for the kind of task (and can score the kind of prediction, where it is known) count.
        """
        for name in wording.metrics_named(text, kind):
            definition = self.definition(name)
            if definition is None or kind not in definition.tasks:
                continue
            if prediction_kind is None or prediction_kind in definition.kinds:
                return name
        return None

    def default(self, kind: TaskKind, prediction_kind: PredictionKind | None = None) -> str:
        """Return the metric for a kind of task (and of prediction, where it is known) when nothing names one."""
        if prediction_kind is PredictionKind.LABEL and kind is TaskKind.MULTILABEL:
            return "f1_micro"
        if prediction_kind is not None and prediction_kind in _DEFAULTS_BY_PREDICTION:
            return _DEFAULTS_BY_PREDICTION[prediction_kind]
        return _DEFAULTS[kind]

    def _built_in(self, name: str, params: Mapping[str, float]) -> DefinedMetric:
        definition = self.definition(name)
        if definition is None:
            raise TaskError(f"unknown metric {name!r}; {self._hint(name)}")
        cut_off = _CUT_OFF.match(plain(name))
        if cut_off is None:
            return DefinedMetric(definition, parse_options(definition, params))
        return DefinedMetric(
            definition, parse_options(definition, {"k": float(cut_off[2]), **params}), f"map_at_{cut_off[2]}"
        )

    def _hint(self, name: str) -> str:
        near = difflib.get_close_matches(plain(name), self._names, n=6, cutoff=0.5)
        names = list(dict.fromkeys(self._names[each] for each in near))[:3]
        return f"did you mean {' or '.join(names)}?" if names else f"known are: {', '.join(self.names)}"
