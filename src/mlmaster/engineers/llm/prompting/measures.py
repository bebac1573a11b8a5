"""What each metric asks of a solution, in a sentence a modeller can act on."""

from __future__ import annotations

from mlmaster.core.score import Direction
from mlmaster.core.task import Task

MEANINGS = {
    "mse": "mean squared error: large misses dominate; fit the conditional mean",
    "rmse": "root mean squared error: large misses dominate; fit the conditional mean",
    "rmse_log": "RMSE between the logarithms of prediction and truth: fit log(y), then exponentiate; predict nothing but "
    "positive numbers",
    "rmsle": "root mean squared error of log(1 + y): fit log1p(y), then expm1, and clip at 0",
    "mae": "mean absolute error: fit the conditional median",
    "median_absolute_error": "median absolute error: only the typical row counts, outliers do not",
    "r2": "share of variance explained (R²): as squared error, on the scale of the target's variance",
    "mape": "mean absolute percentage error, as a fraction: misses on small truths weigh most",
    "smape": "symmetric mean absolute percentage error, 0 to 200: relative misses count; lean low rather than high",
    "pearson": "Pearson correlation with the truth: scale and offset of the predictions do not matter",
    "spearman": "Spearman rank correlation with the truth: only the order of the predictions counts",
    "log_loss": "log loss of the predicted probabilities: calibration counts; never predict 0 or 1 outright",
    "balanced_log_loss": "log loss with every class weighted equally, however rare: weigh classes, then calibrate",
    "roc_auc": "area under the ROC curve: only the order of the scores counts, no threshold",
    "roc_auc_macro": "mean over the classes of the area under the ROC curve of one class against the rest: only the order "
    "within each column counts",
    "average_precision": "average precision (area under the precision-recall curve): the top of the order counts most",
    "brier_score": "Brier score: squared error of the probabilities; calibration counts",
    "accuracy": "share of rows labelled correctly: predict the likeliest class",
    "balanced_accuracy": "mean over the classes of the share found: weigh classes equally, however rare",
    "f1": "F1 of the positive class: tune the decision threshold on rows not trained on",
    "f1_macro": "mean F1 over the classes, each equally: rare classes count; tune decisions on rows not trained on",
    "f1_micro": "F1 over all decisions together: with one label a row this is accuracy",
    "f1_samples": "mean F1 over the rows of predicted against true labels: tune how many labels a row gets",
    "matthews_corrcoef": "Matthews correlation of predicted and true labels: tune the decision threshold",
    "quadratic_weighted_kappa": "quadratic weighted kappa: far misses cost most; fit the rating as a number, then tune cut "
    "points",
    "map_at_k": "mean average precision of the first k answers of a row: rank by probability, the likeliest first, without "
    "repeats",
    "jaccard": "mean Jaccard similarity of predicted and true words",
}
"""Every built-in metric by its standard name."""


def measure(task: Task) -> str:
    """Return what a task's metric asks for, in words."""
    if task.metric_file is not None:
        return "the task's own metric; its file is not shown, the task's description may explain it"
    name = "map_at_k" if task.metric.startswith("map_at_") else task.metric
    meaning = MEANINGS.get(name, "as the task's description explains")
    return f"{meaning}; here k is {task.metric_params['k']:g}" if "k" in task.metric_params else meaning


def direction(task: Task) -> str:
    """Return which values are better."""
    return "higher is better" if task.direction is Direction.MAXIMIZE else "lower is better"
