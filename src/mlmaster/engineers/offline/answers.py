"""Lines of a script that read targets, and that turn what a model answers into what is handed in."""

from __future__ import annotations

from mlmaster.core.task import PredictionKind
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.layout import literal
from mlmaster.engineers.offline.recipe import Recipe

_FORWARD = {"log1p": "np.log1p(y.clip(min=0))", "log": "np.log(y)", "sqrt": "np.sqrt(y.clip(min=0))"}
_BACK = {"log1p": "np.expm1(p)", "log": "np.exp(p)", "sqrt": "np.square(p)"}


def target_names(facts: Facts) -> list[str]:
    """Return the target columns in the order of the predictions."""
    task = facts.task
    same = len(task.targets) > 1 and set(task.targets) == set(task.prediction_columns)
    return list(task.prediction_columns if same else task.targets)


def target_lines(recipe: Recipe, facts: Facts) -> list[str]:
    """Return lines after which `y` has a row for each train row."""
    match facts.goal:
        case Goal.NUMBERS:
            lines = ["y = train[TARGETS].to_numpy(dtype=float)"]
            transform = _FORWARD.get(str(recipe.options.get("transform")))
            return [*lines, f"y = {transform}"] if transform else lines
        case Goal.WORDS:
            return ['y = train[TARGETS].fillna("").astype(str).to_numpy()']
        case Goal.LABELS if len(facts.task.targets) == 1 and len(facts.task.classes) > 1:
            return ["y = label_lists(train[TARGETS[0]], CLASSES)"]
        case Goal.LABELS:
            return ["y = label_flags(train[TARGETS])"]
        case _ if len(facts.task.targets) > 1:
            return ["y = train[TARGETS].to_numpy(dtype=float).argmax(axis=1).reshape(-1, 1)  # a column for each class"]
        case _:
            return ["y = class_codes(train[TARGETS[0]], CLASSES)"]


def needs_classes(facts: Facts) -> bool:
    """Return True when the script names the classes."""
    lists = facts.goal is Goal.LABELS and len(facts.task.targets) == 1 and len(facts.task.classes) > 1
    return facts.goal in (Goal.BINARY, Goal.CLASSES) or lists


def answer_lines(recipe: Recipe, facts: Facts) -> list[str]:
    """Return lines that make `answers` (and `probabilities` for hard labels) of the model's `p`."""
    if facts.goal is Goal.WORDS:
        return ["answers = p"]
    if recipe.is_on("careful"):
        return ["p = valid_numbers(p, y)", *_plain_answer_lines(recipe, facts)]
    return _plain_answer_lines(recipe, facts)


def _plain_answer_lines(recipe: Recipe, facts: Facts) -> list[str]:
    if facts.goal is Goal.NUMBERS:
        return _number_lines(recipe, facts)
    kind = facts.task.prediction_kind
    if facts.goal is Goal.LABELS:
        return _label_list_lines(facts)
    if facts.goal is Goal.BINARY and kind is PredictionKind.PROBABILITY:
        return ["answers = np.clip(p, 0.0, 1.0)"]
    lines = [
        "probabilities = sure_sum(both_classes(p))" if facts.goal is Goal.BINARY else "probabilities = sure_sum(p)"
    ]
    decision = recipe.options.get("decision")
    match kind:
        case PredictionKind.RANKING:
            k = int(facts.task.metric_params.get("k", 3))
            return [*lines, f"answers = top_labels(probabilities, CLASSES, {k})"]
        case PredictionKind.LABEL:
            return [*lines, *_decision_lines(str(decision), facts)]
        case _:
            return [*lines, f"answers = {'even_priors(probabilities, y)' if decision == 'even' else 'probabilities'}"]


def _number_lines(recipe: Recipe, facts: Facts) -> list[str]:
    back = _BACK.get(str(recipe.options.get("transform")))
    lines = [f"answers = {back}" if back else "answers = p"]
    floor = facts.profile.target_minimum
    if facts.metric_is("rmsle", "msle") or (floor is not None and floor >= 0):
        lines.append("answers = answers.clip(min=0.0)  # the target is never negative")
    if facts.metric_is("rmse_log", "rmse_logs", "log_rmse"):
        lines[-1] = "answers = answers.clip(min=train[TARGETS].to_numpy(dtype=float).min() / 2)  # logs need positives"
    return lines


def _label_list_lines(facts: Facts) -> list[str]:
    if facts.task.prediction_kind is not PredictionKind.LABEL:
        return ["answers = np.clip(p, 0.0, 1.0)"]
    if len(facts.task.prediction_columns) > 1:
        return ["probabilities = np.clip(p, 0.0, 1.0)", "answers = (probabilities > 0.5).astype(int)"]
    return ["probabilities = np.clip(p, 0.0, 1.0)", "answers = likely_labels(probabilities, CLASSES)"]


def _decision_lines(decision: str, facts: Facts) -> list[str]:
    match decision:
        case "even":
            return ["answers = best_labels(even_priors(probabilities, y), CLASSES)"]
        case "tuned":
            names = ("quadratic_weighted_kappa", "matthews_corrcoef", "balanced_accuracy", "f1_macro")
            rule = next((name for name in names if name in facts.task.metric), "f1_macro")
            rule = "f1" if facts.goal is Goal.BINARY and "f1" in facts.task.metric else rule
            rule = "accuracy" if facts.task.metric == "accuracy" else rule
            return [
                "known = held_out_answers(predict, train, y)",
                "known = sure_sum(both_classes(known))" if facts.goal is Goal.BINARY else "known = sure_sum(known)",
                f"factors = best_factors(known, y[:, 0], {literal(rule)})",
                "answers = best_labels(probabilities * factors, CLASSES)",
            ]
        case "ordered":
            return ["answers = ordered_labels(probabilities, y[:, 0], CLASSES)"]
        case _:
            return ["answers = best_labels(probabilities, CLASSES)"]
