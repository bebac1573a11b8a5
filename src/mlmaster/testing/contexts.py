"""Contexts for tests of whatever words them: a run on a table of passengers that is some way in.

What happened stands in `STORY`, as one would tell it; the tree is the real one, and so is the scoped memory built from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import Decided, Event, FoldScored, NodeFinished, Proposed
from mlmaster.core.execution import Fault
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.proposal import Context, Machine
from mlmaster.core.score import Direction
from mlmaster.core.task import ColumnKind, ColumnProfile, PredictionKind, Profile, Task, TaskKind
from mlmaster.core.tree import Tree
from mlmaster.memory.scoped import build_context

DESCRIPTION = """\
# Who was transported?

A ship lost part of its passengers to another dimension. Predict for each passenger of the test file whether that happened.

## Data
- `PassengerId`: `gggg_pp`, where `gggg` is the group somebody travels with and `pp` their number within it. Groups are often
  families, but not always.
- `HomePlanet`: where somebody lives.
- `CryoSleep`: whether somebody is asleep for the voyage; sleepers stay in their cabins.
- `Cabin`: `deck/num/side`, the side is `P` or `S`.
- `RoomService`, `Spa`: what was billed there.
- `Transported`: the target.

## Evaluation
Submissions are judged by classification accuracy.
"""

FILES = (
    "description.md (0.8 kB)",
    "sample_submission.csv (59.9 kB)",
    "test.csv (0.4 MB)",
    "train.csv (0.8 MB)",
)

PACKAGES = {
    "numpy": "2.3.4",
    "pandas": "2.3.3",
    "scipy": "1.16.3",
    "scikit-learn": "1.7.2",
    "lightgbm": "4.6.0",
    "xgboost-cpu": "3.1.1",
    "catboost": "1.2.8",
    "pillow": "12.0.0",
    "packaging": "25.0",
    "six": "1.17.0",
}

LOG = """\
6954 train rows, 1739 rows to answer
fold 0: 0.8110
fold 1: 0.8067
Traceback (most recent call last):
  File "solution.py", line 18, in make_features
    features = pd.concat([features, pd.get_dummies(rows["Cabin"])], axis=1)
MemoryError: Unable to allocate 3.10 GiB for an array with shape (6560, 63421) and data type float64
"""


def make_task(directory: Path = Path("/data/spaceship"), **changes: Any) -> Task:
    """Return the task; `changes` are fields of `Task`."""
    task = Task(
        name="spaceship-titanic",
        goal="Predict which passengers were transported to another dimension",
        directory=directory,
        train="train.csv",
        test="test.csv",
        sample="sample_submission.csv",
        description="description.md",
        id_column="PassengerId",
        echo_columns=("PassengerId",),
        submission_columns=("PassengerId", "Transported"),
        prediction_columns=("Transported",),
        targets=("Transported",),
        kind=TaskKind.BINARY,
        prediction_kind=PredictionKind.LABEL,
        classes=("False", "True"),
        metric="accuracy",
        direction=Direction.MAXIMIZE,
    )
    return task.model_copy(update=changes)


def make_profile(**changes: Any) -> Profile:
    """Return the profile of the task's data; `changes` are fields of `Profile`."""
    columns = (
        ColumnProfile(name="PassengerId", kind=ColumnKind.IDENTIFIER, missing=0, distinct=8693, separators="_"),
        ColumnProfile(name="HomePlanet", kind=ColumnKind.CATEGORY, missing=0.0231, distinct=3),
        ColumnProfile(name="CryoSleep", kind=ColumnKind.BOOLEAN, missing=0.025, distinct=2),
        ColumnProfile(name="Cabin", kind=ColumnKind.CATEGORY, missing=0.0229, distinct=6560, separators="/"),
        ColumnProfile(
            name="Age", kind=ColumnKind.NUMBER, missing=0.0206, distinct=80, mean=28.8279, minimum=0, maximum=79
        ),
        ColumnProfile(
            name="RoomService",
            kind=ColumnKind.NUMBER,
            missing=0.0208,
            distinct=1273,
            mean=224.6876,
            minimum=0,
            maximum=14327,
        ),
        ColumnProfile(
            name="Spa", kind=ColumnKind.NUMBER, missing=0.0211, distinct=1327, mean=311.1388, minimum=0, maximum=22408
        ),
        ColumnProfile(name="Name", kind=ColumnKind.TEXT, missing=0.023, distinct=8473, mean_words=2.0),
        ColumnProfile(
            name="Transported", kind=ColumnKind.BOOLEAN, missing=0, distinct=2, is_target=True, is_in_test=False
        ),
    )
    profile = Profile(train_rows=8693, test_rows=4277, columns=columns, class_shares={"False": 0.4964, "True": 0.5036})
    return profile.model_copy(update=changes)


def script(model: str, features: str) -> str:
    """Return a short script of the kind the story's nodes are made of."""
    return f'''\
"""Predict Transported."""
import numpy as np
import pandas as pd
{model}

SEED = 7
train = pd.read_csv("input/train.csv")
test = pd.read_csv("input/test.csv")
target = train.pop("Transported").astype(int)
rows = pd.concat([train, test], ignore_index=True)


def make_features(rows: pd.DataFrame) -> pd.DataFrame:
    features = rows[["Age", "RoomService", "Spa"]].copy()
    features["HomePlanet"] = rows["HomePlanet"].astype("category").cat.codes
    features["CryoSleep"] = (rows["CryoSleep"] == True).astype(int)
{features}
    return features


features = make_features(rows)
print(len(train), "train rows,", len(test), "rows to answer", flush=True)
model = Model(random_state=SEED)
model.fit(features[: len(train)], target)
p = model.predict_proba(features[len(train) :])
answer = pd.DataFrame({{"PassengerId": test["PassengerId"], "Transported": p[:, 1] >= 0.5}})
answer.to_csv("submission.csv", index=False)
scores = pd.DataFrame(p, columns=["False", "True"])
scores.insert(0, "PassengerId", test["PassengerId"])
scores.to_csv("probabilities.csv", index=False)
'''


@dataclass(frozen=True, slots=True)
class Told:
    """One node of the story: how it was made, what it set out to do, and what came of it (nothing yet without both)."""

    operator: Operator
    parent: int
    edit: str
    plan: str
    value: float | None = None
    gain: bool = False
    fault: Fault | None = None
    detail: str = ""
    is_raced: bool = False
    others: tuple[int, ...] = ()
    wall_s: float = 40.0


_D, _I, _F = Operator.DRAFT, Operator.IMPROVE, Operator.DEBUG
STORY = (
    Told(
        _D,
        0,
        "boosted_trees",
        "Gradient-boosted trees on the raw columns, categories as codes. A floor to beat.",
        0.7901,
        True,
        wall_s=9,
    ),
    Told(
        _D,
        0,
        "catboost_native",
        "CatBoost takes the categories as they are. Split Cabin into deck, number and side, sum what was billed, and fill "
        "nothing: missing cells are a category of their own.",
        0.8052,
        True,
        wall_s=61,
    ),
    Told(
        _D,
        0,
        "stacked_networks",
        "Train five networks on scaled, one-hot encoded features and stack them with a logistic regression.",
        fault=Fault.TIMEOUT,
        detail="it ran for 120 s, the limit",
        wall_s=120,
    ),
    Told(
        _I,
        2,
        "group_size",
        "Add the size of the group from PassengerId and whether somebody travels alone. Groups share cabins and fates; model "
        "and seed stay.",
        0.8098,
        True,
        wall_s=64,
    ),
    Told(_I, 2, "more_trees", "Raise the trees from 600 to 1,500 with half the learning rate.", 0.8049, wall_s=118),
    Told(
        _I,
        4,
        "group_targets",
        "Encode Group by the mean target of its other members, out of fold.",
        fault=Fault.ERROR,
        detail="KeyError: \"['Group'] not in index\"",
        wall_s=3,
    ),
    Told(
        _F,
        6,
        "derive_group_first",
        "Group was read before it was split from PassengerId: derive it at the start of "
        "make_features, for train and test alike.",
        0.8121,
        True,
        wall_s=70,
    ),
    Told(_I, 4, "spend_logs", "Take log1p of everything billed.", 0.802, is_raced=True, wall_s=25),
    Told(
        _D,
        0,
        "nearest_neighbours",
        "Nearest neighbours over standardised columns with one-hot cabins: another kind of model than trees.",
        fault=Fault.OUT_OF_MEMORY,
        detail="it held 4.0 GB, the limit, when pd.get_dummies made 6,560 columns of Cabin",
        wall_s=12,
    ),
    Told(
        _F,
        9,
        "deck_and_side_only",
        "One-hot encode deck and side of Cabin in place of the whole Cabin, as sparse int8.",
        0.7755,
        True,
        wall_s=15,
    ),
    Told(
        _I,
        7,
        "cabin_neighbours",
        "Add how many passengers share the deck and the hundred of the cabin number.",
        0.8118,
        wall_s=72,
    ),
    Told(
        _I,
        7,
        "cabin_dummies",
        "One-hot encode Cabin beside its parts, so that the trees can tell single cabins apart.",
        fault=Fault.OUT_OF_MEMORY,
        detail="MemoryError: Unable to allocate 3.10 GiB for an array",
        wall_s=31,
    ),
    Told(_I, 7, "age_bands", "Cut Age at 5, 13 and 18: children are treated differently."),
)
"""What happened, by node from 1."""

SCRIPTS = {
    7: script(
        "from catboost import CatBoostClassifier as Model",
        '    features["Group"] = rows["PassengerId"].str.split("_").str[0].astype(int)\n'
        '    features["GroupSize"] = features.groupby("Group")["Age"].transform("size")',
    ),
    10: script(
        "from sklearn.neighbors import KNeighborsClassifier\n\n\n"
        "def Model(random_state: int) -> KNeighborsClassifier:\n    return KNeighborsClassifier(25)",
        '    cabin = rows["Cabin"].str.split("/", expand=True)\n'
        '    features = features.fillna(0).join(pd.get_dummies(cabin[[0, 2]], dtype="int8"))',
    ),
    12: script(
        "from catboost import CatBoostClassifier as Model",
        '    features["Group"] = rows["PassengerId"].str.split("_").str[0].astype(int)\n'
        '    features = pd.concat([features, pd.get_dummies(rows["Cabin"])], axis=1)',
    ),
}
"""Scripts of the nodes that become parents."""

NOTES = {"categorical": ["HomePlanet", "Cabin"], "best_iteration": 412}


def told_events(story: tuple[Told, ...] = STORY) -> list[Event]:
    """Return the events of a story."""
    events: list[Event] = []
    for node, told in enumerate(story, start=1):
        events.append(decided(node, told.operator, (told.parent, *told.others)))
        events.append(Proposed(node=node, plan=told.plan, edit=told.edit, recipe=None, code_hash=f"hash-{node}"))
        if told.value is not None:
            events.append(FoldScored(node=node, fold=0, value=told.value, wall_s=told.wall_s))
        if told.value is None and told.fault is None:
            continue
        state = NodeState.FAILED if told.fault else NodeState.RACED if told.is_raced else NodeState.SCORED
        events.append(
            NodeFinished(
                node=node,
                state=state,
                value=told.value,
                utility=told.value,
                fault=told.fault,
                detail=told.detail,
                gain=told.gain,
                reward=0.0,
                wall_s=told.wall_s,
            )
        )
    return events


def decided(node: int, operator: Operator, parents: tuple[int, ...]) -> Decided:
    """Return a decision that belongs to no chain."""
    budget = Budget(limits=BudgetLimits())
    return Decided(node=node, operator=operator, parents=parents, chain="none", reason="told", budget=budget)


PARENTS: Mapping[Operator, tuple[int, ...]] = {
    Operator.DRAFT: (ROOT,),
    Operator.IMPROVE: (7,),
    Operator.EVOLVE: (7,),
    Operator.DEBUG: (12,),
    Operator.MERGE: (7, 10),
}
"""What each operator is asked of."""


def make_context(operator: Operator, story: tuple[Told, ...] = STORY, **changes: Any) -> Context:
    """Return the context of a decision right after the story.

    Args:
        operator: What is asked for; the parents are those of `PARENTS`.
        story: What happened before.
        changes: Fields of `Context` to be something else.
    """
    tree = Tree(told_events(story))
    tree.apply(decided(len(story) + 1, operator, PARENTS[operator]))
    context = build_context(
        tree,
        len(story) + 1,
        make_task(),
        make_profile(),
        read_code=lambda node: SCRIPTS[node],
        read_log=lambda node: LOG if node == 12 else "6954 train rows, 1739 rows to answer\nbest iteration 412\n",
        read_notes=lambda node: NOTES if node == 7 else {},
        script_limit_s=120.0,
        threads=2,
        packages=PACKAGES,
        seed=7,
        machine=Machine(threads=2, memory_bytes=4_000_000_000, disk_bytes=10_000_000_000, python="3.11.9"),
        description=DESCRIPTION,
        time_left_s=27 * 60,
        nodes_left=14,
    )
    return replace(context, **changes)
