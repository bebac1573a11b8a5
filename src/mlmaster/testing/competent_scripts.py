"""Scripts of a competent engineer, as data: what they are made of, how they are varied, and what may be wrong with one.

A script averages members, one line each in its list `MEMBERS`; everything that is tried is a change of that list, so a change
is an edit of a line or a whole new script, and a script that is shown can be read back. The scripts work out columns, classes
and what is asked for from the files alone, and need scikit-learn and pandas.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from mlmaster.core.syntax import parse

Member = Mapping[str, Any]
Data = Literal["text", "table"]

_READ = '''"""{title}"""

import warnings

import numpy as np
import pandas as pd
{imports}

warnings.filterwarnings("ignore")
SEED = {seed}
MEMBERS = [
{members}
]

train = pd.read_csv("./input/train.csv")
test = pd.read_csv("./input/test.csv")
sample = pd.read_csv("./input/sample_submission.csv")
id_column = sample.columns[0]
answer_columns = list(sample.columns[1:])
targets = [column for column in train.columns if column not in test.columns and column != id_column]
target = targets[0]
inputs = [column for column in test.columns if column not in (id_column, *answer_columns, *targets)]
numbers = pd.to_numeric(train[target], errors="coerce")
has_columns_of_classes = len(answer_columns) > 1
is_number = not has_columns_of_classes and numbers.notna().all() and (numbers.nunique() > 20 or (numbers % 1 != 0).any())
labels = train[target].astype(str).to_numpy()
classes = answer_columns if has_columns_of_classes else sorted(set(labels))
print(len(train), "train rows,", len(test), "rows to answer,", len(inputs), "columns", flush=True)
'''
_TEXT_FEATURES = """

def read_texts(rows):
    wordy = [c for c in inputs if train[c].astype(str).str.len().mean() > 20]
    return rows[wordy or inputs].fillna("").astype(str).agg(" ".join, axis=1)


texts, asked = read_texts(train), read_texts(test)


def make_features(member):
    options = {"analyzer": member["analyzer"], "ngram_range": tuple(member["ngrams"])}
    options |= {"min_df": 2 if len(train) > 1000 else 1, "max_features": member["features"]}
    if member["model"] == "bayes":
        vectorizer = CountVectorizer(**options)
    else:
        vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
    return vectorizer.fit_transform(texts), vectorizer.transform(asked)


def by_ratio(member, x, z):
    answers = []
    for name in classes:
        is_in = labels == name
        inside, outside = np.asarray(x[is_in].sum(axis=0)) + 1, np.asarray(x[~is_in].sum(axis=0)) + 1
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        model = LogisticRegression(C=member["strength"], solver="liblinear", max_iter=300)
        model.fit(x.multiply(ratio).tocsr(), is_in)
        answers.append(model.predict_proba(z.multiply(ratio).tocsr())[:, 1])
    answers = np.array(answers).T
    return answers / answers.sum(axis=1, keepdims=True)


def fit_and_answer(member):
    x, z = make_features(member)
    if is_number:
        return Ridge(alpha=1 / member["strength"]).fit(x, numbers).predict(z)
    if member["model"] == "ratio":
        return by_ratio(member, x, z)
    if member["model"] == "bayes":
        model = MultinomialNB(alpha=1 / member["strength"])
    else:
        model = LogisticRegression(C=member["strength"], max_iter=300)
    model.fit(x, labels)
    return in_order(model, z)
"""
_TABLE_FEATURES = """

def make_features(rows):
    columns = []
    for column in inputs:
        if pd.api.types.is_numeric_dtype(train[column]):
            columns.append(rows[column].astype(float).fillna(train[column].median()))
        else:
            shares = train[column].astype(str).value_counts(normalize=True)
            columns.append(rows[column].astype(str).map(shares).fillna(0.0))
    return np.array(columns).T


def make_model(member):
    kind, size = member["model"], member["size"]
    if kind == "boosting":
        Model = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
        return Model(max_iter=size, learning_rate=member["strength"], min_samples_leaf=member["leaf"], random_state=SEED)
    if kind == "trees":
        Model = ExtraTreesRegressor if is_number else ExtraTreesClassifier
        return Model(size, max_features=member["strength"], min_samples_leaf=member["leaf"], random_state=SEED)
    if is_number:
        return make_pipeline(StandardScaler(), Ridge(alpha=1 / member["strength"]))
    return make_pipeline(StandardScaler(), LogisticRegression(C=member["strength"], max_iter=300))


known, asked = make_features(train), make_features(test)


def fit_and_answer(member):
    model = make_model(member)
    if is_number:
        return model.fit(known, numbers).predict(asked)
    model.fit(known, labels)
    return in_order(model, asked)
"""
_WRITE = """

def in_order(model, z):
    found = model.predict_proba(z)
    places = {name: i for i, name in enumerate(model.classes_)}
    blank = np.full(len(test), 1e-6)
    return np.array([found[:, places[name]] if name in places else blank for name in classes]).T


total = sum(member["weight"] for member in MEMBERS)
answers = sum(member["weight"] / total * fit_and_answer(member) for member in MEMBERS)
submission = test[[id_column]].copy()
if is_number:
    submission[answer_columns[0]] = answers
elif has_columns_of_classes:
    answers = np.clip(answers, 1e-6, 1.0)
    submission[classes] = answers / answers.sum(axis=1, keepdims=True)
elif set(sample[answer_columns[0]].astype(str)) <= set(classes):
    submission[answer_columns[0]] = np.array(classes)[answers.argmax(axis=1)]
    probabilities = pd.DataFrame(answers, columns=classes)
    probabilities.insert(0, id_column, test[id_column])
    probabilities.to_csv("./probabilities.csv", index=False)
else:
    submission[answer_columns[0]] = answers[:, -1]
submission.to_csv("./submission.csv", index=False)
print("answered by", len(MEMBERS), "models", flush=True)
"""
_TEXT_IMPORTS = """from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB"""
_TABLE_IMPORTS = """from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler"""

BUGS: Sequence[tuple[str, str, str]] = (
    ("target = targets[0]", "target = targets[1]", "there is one target, and its place is 0"),
    ('member["weight"] for member', 'member["wieght"] for member', "the key is called weight"),
    ("max_iter=300", "max_iters=300", "scikit-learn calls it max_iter"),
    ("test[[id_column]].copy()", "test[[id_colum]].copy()", "the name is id_column"),
)
"""What may be planted: the right piece of a line, the wrong one, and what is wrong with it."""

_DRAFTS: Mapping[Data, Sequence[tuple[str, Member]]] = {
    "text": (
        (
            "words_logistic",
            {
                "model": "logistic",
                "analyzer": "word",
                "ngrams": (1, 1),
                "features": 60000,
                "strength": 2.0,
                "weight": 1.0,
            },
        ),
        (
            "word_ratios",
            {"model": "ratio", "analyzer": "word", "ngrams": (1, 2), "features": 90000, "strength": 3.0, "weight": 1.0},
        ),
        (
            "pairs_logistic",
            {
                "model": "logistic",
                "analyzer": "word",
                "ngrams": (1, 2),
                "features": 90000,
                "strength": 4.0,
                "weight": 1.0,
            },
        ),
        (
            "naive_bayes",
            {"model": "bayes", "analyzer": "word", "ngrams": (1, 1), "features": 40000, "strength": 1.0, "weight": 1.0},
        ),
        (
            "letters_logistic",
            {
                "model": "logistic",
                "analyzer": "char",
                "ngrams": (1, 3),
                "features": 9000,
                "strength": 4.0,
                "weight": 1.0,
            },
        ),
    ),
    "table": (
        ("boosted_trees", {"model": "boosting", "size": 60, "strength": 0.1, "leaf": 10, "weight": 1.0}),
        ("scaled_linear", {"model": "linear", "size": 1, "strength": 1.0, "leaf": 1, "weight": 1.0}),
        ("extra_trees", {"model": "trees", "size": 100, "strength": 0.6, "leaf": 2, "weight": 1.0}),
    ),
}
_RANGES: Mapping[Data, Mapping[str, tuple[float, float]]] = {
    "text": {"strength": (0.5, 20.0), "weight": (0.2, 3.0), "features": (5_000, 150_000)},
    "table": {"strength": (0.02, 1.0), "weight": (0.2, 3.0), "size": (30, 250)},
}
_WHOLE = ("features", "size", "leaf")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a script's members, in words and as the list that results."""

    name: str
    plan: str
    members: tuple[Member, ...]


def draft(data: Data, rng: Random) -> Change:
    """Return a new solution: one model with settings of its own."""
    name, member = rng.choice(_DRAFTS[data])
    member = {**member, "strength": _near(member["strength"], rng, 0.7, 1.4)}
    plan = f"One model of the kind {member['model']!r} on {_words(member)}, with strength {member['strength']}. It is simple."
    return Change(name, plan, (member,))


def vary(data: Data, members: Sequence[Member], rng: Random) -> Change:
    """Return one change of a script: a setting, the view of the text, or another model beside those there are."""
    i = rng.randrange(len(members))
    kind = rng.choice(["tune", "ngrams"] if data == "text" and members[i]["analyzer"] == "word" else ["tune"])
    if len(members) < 3 and rng.random() < 0.5:
        name, member = rng.choice(_DRAFTS[data])
        member = {
            **member,
            "strength": _near(member["strength"], rng, 0.7, 1.4),
            "weight": round(rng.uniform(0.4, 1.4), 2),
        }
        plan = f"Average with a second opinion, {name}: it errs elsewhere. The other models stay as they are."
        return Change(f"add_{name}", plan, (*members, member))
    if kind == "ngrams":
        ngrams = rng.choice([each for each in ((1, 1), (1, 2), (1, 3)) if each != tuple(members[i]["ngrams"])])
        new = {**members[i], "ngrams": ngrams, "strength": _near(members[i]["strength"], rng, 0.9, 1.2)}
        plan = f"Read n-grams of {ngrams[0]} to {ngrams[1]} words in model {i + 1}; the rest stays."
        return Change(f"words_{ngrams[0]}_to_{ngrams[1]}", plan, _with(members, i, new))
    setting = rng.choice(sorted(_RANGES[data]) if len(members) > 1 else ["strength"])
    low, high = _RANGES[data][setting]
    value = _near(members[i][setting], rng, 0.4, 2.5)
    if not low <= value <= high:
        value = _near(1.0, rng, low, high)
    new = {**members[i], setting: int(value) if setting in _WHOLE else value}
    plan = f"Set {setting} of model {i + 1} from {members[i][setting]} to {new[setting]}; the rest stays."
    return Change(f"tune_{setting}", plan, _with(members, i, new))


def join(members: Sequence[Member], others: Sequence[Member], rng: Random) -> Change:
    """Return a script's members with one of another's."""
    member = {**rng.choice(list(others)), "weight": round(rng.uniform(0.4, 1.4), 2)}
    plan = f"Take the other branch's model of the kind {member['model']!r} and average the two; the rest stays."
    return Change(f"merge_{member['model']}", plan, (*members[-2:], member))


def lighten(data: Data, members: Sequence[Member]) -> Change:
    """Return a script that does less of the same."""
    setting = "features" if data == "text" else "size"
    kept = members[: max(1, len(members) - 1)]
    light = tuple({**member, setting: max(1, int(member[setting] * 0.6))} for member in kept)
    return Change("do_less", "Do less of the same, so that it ends within its limits.", light)


def write_script(data: Data, change: Change, seed: int) -> str:
    """Return the whole script."""
    imports, features = (_TEXT_IMPORTS, _TEXT_FEATURES) if data == "text" else (_TABLE_IMPORTS, _TABLE_FEATURES)
    members = "\n".join(map(write_member, change.members))
    head = _READ.format(
        title=change.name.replace("_", " ").capitalize() + ".", imports=imports, seed=seed, members=members
    )
    order, answer = _WRITE.lstrip("\n").split("\n\n\n", 1)
    return f"{head}\n\n{order}\n{features}\n\n{answer}"


def write_member(member: Member) -> str:
    """Return the line of a member in a script."""
    return f"    {dict(member)!r},".replace("'", '"')


def read_members(script: str) -> tuple[Data, tuple[Member, ...]] | None:
    """Return what a script is made of; None when it is not one of these."""
    begin, end = "MEMBERS = [\n", "\n]\n"
    if begin not in script or end not in script:
        return None
    inside = script.partition(begin)[2].partition(end)[0]
    try:
        [line] = parse(f"[{inside}]").body  # not by `literal_eval`, which parses beside other threads
        members = ast.literal_eval(line.value) if isinstance(line, ast.Expr) else []
    except (SyntaxError, ValueError):
        return None
    return ("text" if "Vectorizer" in script else "table"), tuple(members)


def _near(value: float, rng: Random, low: float, high: float) -> float:
    """Return a value some times as large, with so many digits that no two are likely to be alike."""
    return float(f"{value * rng.uniform(low, high):.4g}")


def _with(members: Sequence[Member], i: int, member: Member) -> tuple[Member, ...]:
    return (*members[:i], member, *members[i + 1 :])


def _words(member: Member) -> str:
    if "analyzer" in member:
        return f"n-grams {member['ngrams']} of the kind {member['analyzer']!r}"
    return "the columns as they are"
