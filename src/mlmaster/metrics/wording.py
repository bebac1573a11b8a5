"""Which metric a task's description asks for, read from its words.

A section headed Metric or Evaluation is preferred to the whole text. Within it phrases are matched; where one match lies in
a longer one the longer counts ("RMSE of ln(1 + x)" is RMSLE, not RMSE), and of those left the first is meant. Words that also
mean less ("accuracy") count only where nothing plainer stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlmaster.core.task import TaskKind

_HEADING = re.compile(
    r"^(?:#{1,6}\s*|\*\*)?(?:\d+[.)]\s*)?(?:the\s+)?(?:evaluation|metrics?|scoring)\b[^\n.]{0,40}$",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_HEADING = re.compile(r"^(?:#{1,6}\s|\*\*[^*\n]+\*\*\s*$)", re.MULTILINE)

_ROOT = r"(?:root[\s-]+mean[\s-]+squared?(?:[\s-]+(?:error|deviation))|(?-i:\bRMSE\b|\bRMSD\b))"
_NEAR = r"[^.\n]{0,100}?"
_PLUS_ONE = r"\b(?:log|ln)(?:1p\b|\s*\(\s*(?:1\s*\+|[^()]{1,40}\+\s*1\b))"

_STRONG: tuple[tuple[str, str], ...] = (
    ("rmsle", r"root[\s-]+mean[\s-]+squared?[\s-]+log(?:arithmic)?[\s-]+error|\bRMSLE\b"),
    ("rmsle", _ROOT + _NEAR + _PLUS_ONE),
    ("rmse_log", _ROOT + _NEAR + r"\b(?:ln|logs?|logarithms?)\b"),
    ("rmse_log", r"\blog(?:arithmic)?[\s-]+(?:-\s*)?RMSE\b"),
    ("rmse", _ROOT),
    ("mape", r"mean[\s-]+absolute[\s-]+percent(?:age)?[\s-]+error|\bMAPE\b"),
    ("smape", r"symmetric[\s-]+mean[\s-]+absolute[\s-]+percent(?:age)?[\s-]+error|\bSMAPE\b"),
    ("mae", r"mean[\s-]+absolute[\s-]+(?:error|deviation)|(?-i:\bMAE\b)"),
    ("median_absolute_error", r"median[\s-]+absolute[\s-]+error"),
    ("mse", r"mean[\s-]+squared?[\s-]+error|(?-i:\bMSE\b)"),
    ("r2", r"(?-i:\bR\^?2\b|R²)|\br[\s-]squared\b|coefficient of determination"),
    ("pearson", r"\bpearson\b(?:'s)?(?:[\s-]+(?:product[\s-]+moment[\s-]+)?correlation)?"),
    ("spearman", r"\bspearman\b(?:'s|s)?(?:[\s-]+rank)?(?:[\s-]+correlation)?"),
    ("balanced_log_loss", r"balanced[\s-]+log(?:arithmic)?[\s-]*loss"),
    ("log_loss", r"\blog(?:arithmic)?[\s-]*loss\b|cross[\s-]*entropy"),
    ("average_precision", r"area under the precision[\s-]+recall|\b(?:PR[\s-]AUC|AUPRC)\b"),
    ("average_precision", r"\baverage precision\b(?! at\b| ?@)"),
    ("roc_auc", r"\bAUC\b|\bAUROC\b|\bROC\b|receiver operating characteristic|area under the curve"),
    (
        "quadratic_weighted_kappa",
        r"quadratic(?:ally)?[\s-]+weighted[\s-]+(?:cohen'?s[\s-]+)?kappa|\bQWK\b|cohen'?s kappa",
    ),
    ("matthews_corrcoef", r"\bmatthews\b(?:'s)?(?:[\s-]+correlation)?(?:[\s-]+coefficient)?|(?-i:\bMCC\b)"),
    (
        "f1_macro",
        r"\bmacro[\s-]+(?:averaged?[\s-]+)?F[\s-]?1\b|\bF[\s-]?1[\s-]+(?:score[\s-]+)?\(?macro",
    ),
    ("f1_micro", r"\bmicro[\s-]+(?:averaged?[\s-]+)?F[\s-]?1\b|\bF[\s-]?1[\s-]+(?:score[\s-]+)?\(?micro"),
    (
        "f1_samples",
        r"\b(?:mean|example-based|samples?)[\s-]+(?:averaged?[\s-]+)?F[\s-]?1\b|\bF[\s-]?1[\s-]+(?:score[\s-]+)?\(?samples",
    ),
    ("f1", r"\bF[\s-]?1\b|\bF-?measure\b"),
    ("map_at_k", r"(?-i:\bMAP)\s?@\s?(?:\d+|k\b)|mean average precision\s*(?:@|at)\s*(?:\d+|k\b)"),
    ("jaccard", r"\bjaccard\b"),
    ("brier_score", r"\bbrier\b"),
    ("balanced_accuracy", r"balanced[\s-]+(?:classification[\s-]+)?accuracy"),
    ("accuracy", r"(?:categori[sz]ation|classification|prediction)[\s-]+accuracy"),
    ("accuracy", r"(?:evaluated|scored|judged|measured)[^.\n]{0,60}(?<!balanced )\baccuracy\b"),
)
_WEAK: tuple[tuple[str, str], ...] = (("accuracy", r"\baccuracy\b|percentage of (?:correct|rows)[^.\n]{0,40}correct"),)
_COMPILED = tuple(
    tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in tier) for tier in (_STRONG, _WEAK)
)
_CUT_OFF = re.compile(r"(?:@|at)\s*(\d+)")


def metrics_named(text: str, kind: TaskKind) -> Iterator[str]:
    """Yield the names of the metrics a description names, the likeliest first.

    `roc_auc` and `f1` are sharpened by the kind of task: AUC over several classes is `roc_auc_macro`, F1 over them
    `f1_macro`, the mean F1 of one label a row `f1_micro` (the same number).
    """
    for part in (*_sections(text), text):
        # A wrapped line is one sentence: "mean\nabsolute error" must match.
        flowing = re.sub(r"(?<!\n)\n(?!\n)", " ", part)
        for tier in _COMPILED:
            for name in _named(flowing, tier):
                yield _sharpened(name, kind)


def _sections(text: str) -> Iterator[str]:
    for heading in _HEADING.finditer(text):
        end = _NEXT_HEADING.search(text, heading.end())
        yield text[heading.end() : end.start() if end else len(text)]


def _named(text: str, tier: tuple[tuple[str, re.Pattern[str]], ...]) -> Iterator[str]:
    spans = [(match.start(), match.end(), name) for name, pattern in tier for match in pattern.finditer(text)]
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        if any(a <= start and end <= b and (a, b) != (start, end) for a, b, _ in spans):
            continue
        cut_off = _CUT_OFF.search(text, start, end)
        yield f"map_at_{cut_off[1]}" if name == "map_at_k" and cut_off else name


def _sharpened(name: str, kind: TaskKind) -> str:
    several = kind is TaskKind.MULTICLASS
    match name:
        case "roc_auc" if several:
            return "roc_auc_macro"
        case "f1" if several:
            return "f1_macro"
        case "f1" if kind is TaskKind.MULTILABEL:
            return "f1_samples"
        case "f1_samples" if several:
            return "f1_micro"
        case "f1_samples" if kind is TaskKind.BINARY:
            return "f1"
    return name
