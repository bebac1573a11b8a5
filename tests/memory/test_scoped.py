"""What a decision is shown, on the story of `mlmaster.testing.contexts`: #7 is best, #12 ran out of memory as #9 had."""

from __future__ import annotations

import pytest

from mlmaster.core.execution import Fault
from mlmaster.core.node import Node, Operator
from mlmaster.core.proposal import Context
from mlmaster.core.tree import Tree
from mlmaster.memory.scoped import GOOD_LOG_CHARACTERS, LOG_CHARACTERS, build_context
from mlmaster.testing.contexts import PARENTS, STORY, Told, decided, make_context, make_profile, make_task, told_events


def ids(nodes: tuple[Node, ...]) -> list[int]:
    return [node.id for node in nodes]


@pytest.mark.parametrize(
    ("operator", "siblings", "path", "successes", "failures"),
    [
        (Operator.DRAFT, [1, 2, 3, 9], [], [10, 7], [11, 12]),
        (Operator.IMPROVE, [11, 12, 13], [2, 4, 6, 7], [10, 1], [9, 3]),
        (Operator.EVOLVE, [11, 12, 13], [2, 4, 6, 7], [10, 1], [9, 3]),
        (Operator.DEBUG, [], [2, 4, 6, 7, 12], [10], []),
        (Operator.MERGE, [11, 12, 13], [2, 4, 6, 7], [1], [3, 8]),
    ],
    ids=lambda value: str(value) if isinstance(value, Operator) else "",
)
def test_scope(
    operator: Operator, siblings: list[int], path: list[int], successes: list[int], failures: list[int]
) -> None:
    context = make_context(operator)
    assert ids(context.siblings) == siblings
    assert ids(context.path) == path
    assert ids(context.successes) == successes
    assert ids(context.failures) == failures
    assert context.best is not None
    assert context.best.id == 7
    shown = {*siblings, *path, *(node.id for node, _ in context.others)}
    assert not shown & {*successes, *failures}


def test_whoever_is_decided_for_is_told_the_run_as_it_was_then() -> None:
    context = make_context(Operator.IMPROVE)
    assert context.time_left_s == 27 * 60
    assert context.nodes_left == 14
    assert context.description.startswith("# Who")
    assert context.machine.memory_bytes == 4_000_000_000
    assert make_context(Operator.IMPROVE) == context


def test_a_fault_is_beside_those_that_removed_one_like_it_even_after_several_tries() -> None:
    again = (
        Told(
            Operator.DRAFT,
            0,
            "svm",
            "Support vectors.",
            fault=Fault.OUT_OF_MEMORY,
            detail="Unable to allocate an array",
        ),
        Told(Operator.DEBUG, 14, "halve", "Half the rows.", fault=Fault.TIMEOUT, detail="it ran for 120 s, the limit"),
        Told(Operator.DEBUG, 15, "linear_kernel", "A linear kernel on sparse input.", 0.79, True),
    )
    context = make_context(Operator.DEBUG, (*STORY, *again))
    assert ids(context.successes) == [16, 10]
    assert ids(context.failures) == []


def test_a_fault_that_nobody_has_removed_is_a_failure() -> None:
    again = Told(
        Operator.DRAFT, 0, "svm", "Support vectors.", fault=Fault.OUT_OF_MEMORY, detail="Unable to allocate an array"
    )
    assert ids(make_context(Operator.DEBUG, (*STORY, again)).failures) == [14]


def test_the_root_of_an_empty_tree_has_nothing_to_tell() -> None:
    context = make_context(Operator.DRAFT, ())
    assert (context.siblings, context.successes, context.failures, context.best) == ((), (), (), None)


@pytest.mark.parametrize(
    ("operator", "bound"), [(Operator.DEBUG, LOG_CHARACTERS), (Operator.IMPROVE, GOOD_LOG_CHARACTERS)]
)
def test_a_log_is_bounded_and_begins_with_a_whole_line(operator: Operator, bound: int) -> None:
    log = "".join(f"epoch {number}\n" for number in range(2_000))
    found = context_with_log(operator, log).parent_log
    assert log.endswith(found)
    assert bound - 20 < len(found) <= bound
    assert found.startswith("epoch ")


def test_a_log_of_one_long_line_keeps_its_end() -> None:
    assert context_with_log(Operator.DEBUG, "x" * 9_000).parent_log == "x" * LOG_CHARACTERS


def context_with_log(operator: Operator, log: str) -> Context:
    tree = Tree(told_events())
    tree.apply(decided(len(STORY) + 1, operator, PARENTS[operator]))
    return build_context(
        tree,
        len(STORY) + 1,
        make_task(),
        make_profile(),
        read_code=str,
        read_log=lambda node: log,
        read_notes=lambda node: {},
        script_limit_s=60.0,
        threads=3,
        packages={},
        seed=1,
    )
