import random
import re

from hypothesis import given
from hypothesis import strategies as st

from mlmaster.mlebench.integrity.sources import Source
from mlmaster.mlebench.integrity.winnowing import WINDOW, K, compare, fingerprints, tokens_of


def script(seed: int, lines: int = 60) -> str:
    """A script of random expressions, so that unrelated ones share nothing but by chance."""
    rng = random.Random(seed)

    def name() -> str:
        return rng.choice("abcdefgh") + str(rng.randrange(90))

    def expression(depth: int) -> str:
        if depth == 0:
            return name()
        left, right = expression(depth - 1), expression(rng.randrange(depth))
        operator = rng.choice(["+", "-", "*", "/", "//", "%", "@", "<", ">", "==", "and", "or", "in", "|", "&", "^"])
        return rng.choice([f"{left} {operator} {right}", f"{name()}({left}, {right})", f"[{left}, {right}]"])

    return "".join(f"{name()} = {expression(3)}\n" for _ in range(lines))


def renamed(code: str) -> str:
    names = re.sub(r"\b([a-h])(\d+)\b", r"other_\2_\1", code)
    return "\n".join(f"{line}  # my own idea" for line in names.splitlines()) + "\n"


def test_a_renamed_and_commented_copy_is_a_copy() -> None:
    (found,) = compare([Source("mine.py", renamed(script(1)))], [Source("theirs.py", script(1))])
    assert (found.similarity, found.contained) == (1.0, 1.0)


def test_unrelated_scripts_share_little() -> None:
    found = compare([Source("mine.py", script(1))], [Source("theirs.py", script(2))])
    assert not found or found[0].similarity < 0.1


def test_the_most_alike_comes_first_and_half_a_copy_is_half_contained() -> None:
    theirs = script(3, 80)
    half = "\n".join(theirs.splitlines()[: len(theirs.splitlines()) // 2]) + "\n" + script(4, 40)
    kernels = [Source("far.py", script(5)), Source("near.py", theirs)]
    found = compare([Source("mine.py", half)], kernels)
    assert found[0].kernel == "near.py"
    assert 0.3 < found[0].contained < 0.7


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(0, 40))
def test_a_long_shared_run_is_always_found(seed: int, before: int, after: int) -> None:
    """The guarantee of winnowing: a shared run of K + WINDOW - 1 tokens shares a fingerprint."""
    run = script(seed, 12)
    assert len(list(tokens_of(run))) >= K + WINDOW - 1
    mine = script(seed + 1, before) + run
    theirs = script(seed + 2, after) + run
    assert fingerprints(mine) & fingerprints(theirs)


def test_short_and_broken_scripts() -> None:
    assert fingerprints("") == frozenset()
    assert fingerprints("x = 1\n") == frozenset()
    broken = script(6) + "def (:\n  ((("
    assert fingerprints(broken) & fingerprints(script(6))
