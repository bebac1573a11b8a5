"""The task, its data and the machine in words, for prompts: aggregates only, nothing that depends on a decision.

What is listed here is the same for a whole run, so that the prompts of all its nodes begin alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mlmaster.core.proposal import Context, Machine
from mlmaster.core.task import ColumnKind, ColumnProfile, PredictionKind, Profile, Task
from mlmaster.core.tokens import estimate_tokens
from mlmaster.engineers.llm.prompting.figures import gigabytes, percent, plain
from mlmaster.engineers.llm.prompting.quotes import code, inline

PLAIN_TEST = "test.csv"
"""What a script finds as its test file when the task has none."""
MOST_CLASSES, MOST_NAMES = 30, 40
NAME = 80
"""Characters of a name."""

_LISTED = (
    "numpy pandas scipy scikit-learn lightgbm xgboost xgboost-cpu catboost statsmodels category-encoders optuna "
    "torch torchvision torchaudio timm transformers sentence-transformers tokenizers datasets accelerate peft "
    "lightning pytorch-lightning tensorflow keras jax flax fastai albumentations opencv-python "
    "opencv-python-headless pillow scikit-image imageio librosa soundfile nltk spacy gensim rapidfuzz xlearn lightfm "
    "implicit networkx rdkit polars pyarrow numba joblib tabpfn pytorch-tabnet imbalanced-learn prophet sktime darts "
    "cuml-cu12 cudf-cu12 cupy-cuda12x faiss-cpu umap-learn hdbscan shap"
)
PACKAGES = tuple(_LISTED.split())
"""What is worth naming of all that is installed, the most telling first."""


def packages(installed: Mapping[str, str], tokens: int) -> tuple[list[str], int]:
    """Return `name version` of what matters for machine learning, and how many others are installed."""
    named: list[str] = []
    for name in PACKAGES:
        if name in installed:
            line = inline(f"{name} {installed[name]}", NAME)
            tokens -= estimate_tokens(line) + 1
            if tokens < 0:
                break
            named.append(line)
    return named, len(installed) - len(named)


def machine(context: Context) -> list[str]:
    """Return a line for each thing a script gets."""
    given: Machine = context.machine
    threads = max(given.threads, context.threads, 1)
    lines = [f"{threads} CPU thread{'s' if threads > 1 else ''}"]
    if given.memory_bytes:
        lines.append(f"{gigabytes(given.memory_bytes)} of memory for all its processes together")
    if given.disk_bytes:
        lines.append(f"{gigabytes(given.disk_bytes)} of disk")
    lines.append(f"GPU: {', '.join(inline(name, NAME) for name in given.gpus)}" if given.gpus else "no GPU")
    if given.caches:
        lines.append(f"models and data to read at {', '.join(inline(name, 200) for name in given.caches)}")
    lines.append("a network" if given.has_network else "no network")
    if given.python:
        lines.append(f"Python {inline(given.python, 20)}")
    return lines


def columns(profile: Profile, most: int) -> list[str]:
    """Return a line for each column of the train table, targets first; the last line counts those left out."""
    ordered = sorted(profile.columns, key=lambda column: not column.is_target)
    shown, rest = ordered[:most], ordered[most:]
    lines = [_column(column) for column in shown]
    if rest:
        kinds = Counter(str(column.kind) for column in rest)
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        lines.append(f"- … and {len(rest)} more columns: {listed}")
    return lines


def _column(column: ColumnProfile) -> str:
    facts = [column.kind.value, *_range(column)]
    if column.kind not in (ColumnKind.CONSTANT, ColumnKind.BOOLEAN):
        facts.append(f"{column.distinct:,} distinct")
    facts.append(f"{percent(column.missing)} missing" if column.missing else "none missing")
    if column.mean_words is not None:
        facts.append(f"{plain(column.mean_words)} words on average")
    if column.separators:
        facts.append(f"every value splits at {' and '.join(map(code, column.separators))}")
    if column.is_target:
        facts.append("**the target**")
    elif not column.is_in_test:
        facts.append("in train only, not a feature")
    return f"- {code(inline(column.name, NAME))}: {', '.join(facts)}"


def _range(column: ColumnProfile) -> Iterator[str]:
    if column.minimum is not None and column.maximum is not None and column.kind is not ColumnKind.IDENTIFIER:
        yield f"{plain(column.minimum)} to {plain(column.maximum)}"
    if column.mean is not None and column.kind is ColumnKind.NUMBER:
        yield f"mean {plain(column.mean)}"


def target(task: Task, profile: Profile) -> str:
    """Return how the target is distributed; "" when nothing is known."""
    if profile.class_shares:
        shares = [f"{code(inline(name, NAME))} {percent(share)}" for name, share in profile.class_shares.items()]
        more = f" and {len(shares) - MOST_CLASSES} more" if len(shares) > MOST_CLASSES else ""
        return f"Shares in train: {', '.join(shares[:MOST_CLASSES])}{more}."
    if profile.target_skew is None:
        return ""
    lowest = "" if profile.target_minimum is None else f", its minimum {plain(profile.target_minimum)}"
    return f"The skewness of {names(task.targets)} is {plain(profile.target_skew)}{lowest}."


def names(columns: Sequence[str]) -> str:
    """Return column names in words, a bounded number of them."""
    shown = ", ".join(code(inline(name, NAME)) for name in columns[:MOST_NAMES])
    return f"{shown} and {len(columns) - MOST_NAMES} more" if len(columns) > MOST_NAMES else shown


def layout(task: Task, profile: Profile) -> list[str]:
    """Return a line for each table and kind of file, and how they belong together."""
    test = task.test or PLAIN_TEST
    lines = [
        f"{code(f'./input/{task.train}')}: train, {profile.train_rows:,} labelled rows in all; a run sees those of its view",
        f"{code(f'./input/{test}')}: the rows to answer, without {names(task.targets)}"
        + (f"; the real test has {profile.test_rows:,}" if task.test else ""),
    ]
    if task.sample:
        lines.append(
            f"{code(f'./input/{task.sample}')}: a sample submission, in the format and with the rows asked for"
        )
    if task.delimiter != ",":
        lines.append(f"the tables are delimited by {code(repr(task.delimiter))}")
    for rule, suffix in zip(task.file_rules, [*profile.file_extensions, *[""] * len(task.file_rules)], strict=False):
        where = code(f"./input/{rule.train.replace('{key}', f'{{{rule.key}}}')}")
        other = (
            ""
            if rule.test == rule.train
            else f" (test: {code(f'./input/{rule.test}'.replace('{key}', f'{{{rule.key}}}'))})"
        )
        lines.append(f"each row has its own {suffix or 'file'} file at {where}{other}".replace("file file", "file"))
    lines += [
        f"{code(f'./input/{side.path}')}: further rows; its {code(side.key)} is {code(side.column)} of train and test"
        for side in task.side_tables
    ]
    if profile.image_size:
        width, height = profile.image_size
        channels = f", {profile.image_channels} channel(s)" if profile.image_channels else ""
        lines.append(f"images are {width} × {height} pixels (median){channels}")
    return lines


def submission(task: Task) -> list[str]:
    """Return what stands in a submission, a line for each rule."""
    copied = [column for column in task.submission_columns if column in task.echo_columns]
    header = ",".join(task.submission_columns)
    lines = [f"header: {code(inline(header, 400))}" + (" …" if len(header) > 400 else "")]
    if copied:
        lines.append(f"{names(copied)}: copied from the test file, as written there")
    lines.append(f"{names(task.prediction_columns)}: {_answer(task)}")
    if task.reads_order or not task.id_column:
        lines.append("rows are matched by position: keep the order of the test file")
    else:
        lines.append("one row for each row of the test file; none twice, none missing")
    if task.prediction_kind is PredictionKind.LABEL and task.classes:
        first = f"{code(task.id_column)}, then " if task.id_column else ""
        lines.append(
            "if the model has class probabilities, also write them to `./probabilities.csv`, so that the solution can be "
            f"blended with others: {first}one column for each class ({names(task.classes)}), rows as in the submission"
        )
    return lines


def _answer(task: Task) -> str:
    match task.prediction_kind:
        case PredictionKind.NUMBER:
            return "a finite number"
        case PredictionKind.PROBABILITY:
            positive = f" that it is {code(task.classes[1])}" if len(task.classes) == 2 else ""
            return f"a probability from 0 to 1{positive}"
        case PredictionKind.CLASS_PROBABILITIES:
            return "the probability of each class, from 0 to 1, a row summing to 1"
        case PredictionKind.LABEL:
            return f"a label, exactly as written here: {names(task.classes)}" if task.classes else "a label"
        case PredictionKind.RANKING:
            most = f" {task.metric_params['k']:g}" if "k" in task.metric_params else ""
            return f"up to{most or ' k'} labels separated by spaces, the likeliest first"
        case PredictionKind.TEXT:
            return "free text"
