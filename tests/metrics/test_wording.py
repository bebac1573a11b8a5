import pytest

from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.metrics.registry import DEFINITIONS, Registry

REGISTRY = Registry()
REGRESSION, BINARY, MULTICLASS, MULTILABEL = (
    TaskKind.REGRESSION,
    TaskKind.BINARY,
    TaskKind.MULTICLASS,
    TaskKind.MULTILABEL,
)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("RMSLE: RMSE of ln(1 + count). Lower is better.", REGRESSION, "rmsle"),
        ("Root mean squared logarithmic error, RMSE of ln(1 + value), for each target.", REGRESSION, "rmsle"),
        ("We compute the RMSE between log(x + 1) of both.", REGRESSION, "rmsle"),
        ("The root mean squared error of log1p of the sales.", REGRESSION, "rmsle"),
        ("RMSE between ln(predicted price) and ln(true price).", REGRESSION, "rmse_log"),
        (
            "evaluated on Root-Mean-Squared-Error (RMSE) between the logarithm of the predicted value and the "
            "logarithm of the observed sales price",
            REGRESSION,
            "rmse_log",
        ),
        ("The root\nmean squared error. Take logs if you like.", REGRESSION, "rmse"),
        ("Submissions are scored on the mean absolute error (MAE).", REGRESSION, "mae"),
        ("scored by SMAPE, the symmetric mean absolute percentage error", REGRESSION, "smape"),
        ("mean absolute percentage error", REGRESSION, "mape"),
        ("the R^2 of the predictions", REGRESSION, "r2"),
        ("the coefficient of determination", REGRESSION, "r2"),
        ("Spearman's rank correlation", REGRESSION, "spearman"),
        ("the mean of the column-wise Spearman correlation", REGRESSION, "spearman"),
        ("Pearson correlation coefficient", REGRESSION, "pearson"),
        ("Multiclass logarithmic loss, the mean of -ln(p).", MULTICLASS, "log_loss"),
        ("a balanced logarithmic loss", BINARY, "balanced_log_loss"),
        ("area under the ROC curve", BINARY, "roc_auc"),
        ("AUC", MULTICLASS, "roc_auc_macro"),
        ("mean column-wise ROC AUC", MULTILABEL, "roc_auc"),
        ("area under the precision-recall curve", BINARY, "average_precision"),
        ("MAP@3", MULTICLASS, "map_at_3"),
        ("Mean Average Precision @ 12 (MAP@12)", MULTICLASS, "map_at_12"),
        ("the quadratic weighted kappa, between 0 and 1", MULTICLASS, "quadratic_weighted_kappa"),
        ("Matthews correlation coefficient (MCC)", BINARY, "matthews_corrcoef"),
        ("F1 score", BINARY, "f1"),
        ("F1 score", MULTICLASS, "f1_macro"),
        ("the macro F1-score", MULTICLASS, "f1_macro"),
        ("micro-averaged F1-Score", MULTICLASS, "f1_micro"),
        ("Mean F1-Score", MULTILABEL, "f1_samples"),
        ("word-level Jaccard score", MULTICLASS, "jaccard"),
        ("balanced accuracy", MULTICLASS, "balanced_accuracy"),
        ("Accuracy. Higher is better.", BINARY, "accuracy"),
        ("Submissions are evaluated on classification accuracy", BINARY, "accuracy"),
        ("Improve the accuracy of forecasts, scored by log loss.", BINARY, "log_loss"),
        ("Draw me a map of the treasure.", BINARY, None),
        ("", REGRESSION, None),
        ("RMSE", BINARY, None),
    ],
)
def test_the_metric_a_description_asks_for(text: str, kind: TaskKind, name: str | None) -> None:
    assert REGISTRY.find(text, kind) == name


def test_the_section_about_the_metric_counts_before_the_rest() -> None:
    text = "# Houses\nOnce won with an RMSE of 3.\n\n## Metric\nMean absolute error.\n\n## Notes\nWhy not RMSLE?"
    assert REGISTRY.find(text, REGRESSION) == "mae"
    assert REGISTRY.find(text.replace("## Metric", "**Evaluation**"), REGRESSION) == "mae"
    assert REGISTRY.find(text.replace("## Metric\n", ""), REGRESSION) == "rmse"


def test_a_section_that_names_none_leaves_the_rest_of_the_text() -> None:
    assert REGISTRY.find("Scored by AUC.\n\n## Evaluation\nSee above.", BINARY) == "roc_auc"


def test_only_metrics_that_score_the_kind_of_prediction_count() -> None:
    text = "Judged by AUC; ties are broken by F1."
    assert REGISTRY.find(text, BINARY) == "roc_auc"
    assert REGISTRY.find(text, BINARY, PredictionKind.LABEL) == "f1"


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_every_metric_is_found_by_its_own_title(name: str) -> None:
    found = {REGISTRY.find(f"Scored by {DEFINITIONS[name].title}.", kind) for kind in DEFINITIONS[name].tasks}
    assert name in found
