"""kill -9 while a model is being asked: the next process pays for nothing twice, and the budget of the run holds.

The child asks as a run does: from recordings, else paid from the wallet, kept before it is sent, completed when it ends. It
stands still at a named moment, and is killed there.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from threading import Event as Flag

import pytest

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Answered, Asked
from mlmaster.core.chat import Message, Reply, Request, Role
from mlmaster.core.usage import Usage
from mlmaster.errors import BudgetSpent
from mlmaster.llm.recordings import Recordings
from mlmaster.llm.wallet import Wallet
from mlmaster.store.calls import CallBook
from mlmaster.store.journal import Journal
from mlmaster.store.run_directory import RunDirectory

USED = Usage(1_000, 500, cost_usd=0.006, calls=1)
CHILD = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    import test_kill_in_a_call as this

    def stand_still(moment):
        if moment == {moment!r}:
            print("here", flush=True)
            sys.stdin.read()

    this.Asking(Path({run!r}), this.BudgetLimits(tokens={tokens})).ask_in_turn({questions}, stand_still)
"""


def ask(number: int) -> Request:
    return Request(Role.CODER, (Message("user", f"question {number} ".ljust(3_000, ".")),), max_output_tokens=4_000)


def worst(read: int, written: int) -> Usage:
    return Usage(read, written, cost_usd=(read + 10 * written) / 1e6, calls=1)


class Asking:
    """One process of a run; questions are all of node 1, and every one is answered with its number."""

    def __init__(self, run: Path, limits: BudgetLimits) -> None:
        self.store = RunDirectory(run, Journal(run, writable=True))
        self.log = self.store.calls()
        before = self.log.read()
        self.wallet = Wallet(limits, before)
        self.recordings = Recordings(before)
        self.sent: list[int] = []

    def ask_in_turn(self, questions: int, reach: object = lambda moment: None) -> list[str]:
        assert callable(reach)
        replies = []
        for number in range(questions):
            request = ask(number)
            reply = self.recordings.find(1, request)
            if reply is None:
                reservation = self.wallet.reserve(request, node=1, model="m", worst=worst, cancel=Flag())
                reach(f"{number} reserved")
                call = self.log.open(Asked(1, "m", request, reservation.usage))
                reach(f"{number} sent")
                self.sent.append(number)
                reply = Reply(f"reply {number}", usage=USED)
                self.log.close(call, Answered("answered", USED, reply))
                reach(f"{number} answered")
                self.wallet.settle(reservation, USED)
            replies.append(reply.text)
        return replies


def kill_at(moment: str, run: Path, questions: int, tokens: int = 1_000_000) -> None:
    """Let a process ask until a moment, and kill it there."""
    script = CHILD.format(
        tests=str(Path(__file__).parent), moment=moment, run=str(run), tokens=tokens, questions=questions
    )
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    reached = child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    _, errors = child.communicate()
    assert (reached, child.returncode) == (b"here\n", -signal.SIGKILL), errors.decode()


@pytest.mark.parametrize(
    ("moment", "sent", "is_lost"),
    [
        pytest.param("2 reserved", [2, 3], False, id="before it is sent"),
        pytest.param("2 sent", [2, 3], True, id="in the middle"),
        pytest.param("2 answered", [3], False, id="just answered"),
    ],
)
def test_nothing_is_paid_twice(tmp_path: Path, moment: str, sent: list[int], is_lost: bool) -> None:
    kill_at(moment, tmp_path, 4)
    again = Asking(tmp_path, BudgetLimits(tokens=1_000_000))
    lost = worst(*_reserved(again.log)) if is_lost else Usage()
    assert again.ask_in_turn(4) == [f"reply {number}" for number in range(4)]
    assert again.sent == sent, "only what no process has an answer to is asked again"
    answered = sum([USED] * 4, Usage())
    assert again.wallet.total().tokens == (answered + lost).tokens
    assert again.wallet.total().cost_usd == pytest.approx((answered + lost).cost_usd)
    assert again.wallet.wasted() == lost
    assert again.log.total().tokens == again.wallet.total().tokens
    again.store.close()


def _reserved(log: CallBook) -> tuple[int, int]:
    [open_] = [call for call in log.read() if call.answered is None]
    return open_.asked.reserved.input_tokens, open_.asked.reserved.output_tokens


def test_budgets_hold_over_kills(tmp_path: Path) -> None:
    """Killed in the middle of each third call until nothing is left; an unlucky provider charged all that was reserved."""
    limits = BudgetLimits(tokens=40_000)
    for kill in range(3):
        kill_at(f"{3 * kill + 2} sent", tmp_path, 100, tokens=40_000)
        reader = RunDirectory.open_for_reading(tmp_path)
        calls = reader.calls().read()
        assert sum(call.answered is None for call in calls) == kill + 1
        assert reader.calls().total().tokens <= 40_000
        reader.close()
    last = Asking(tmp_path, limits)
    with pytest.raises(BudgetSpent) as info:
        last.ask_in_turn(100)
    assert info.value.which == "tokens"
    assert last.wallet.total().tokens <= 40_000
    assert last.log.total().tokens == last.wallet.total().tokens
    more = Wallet(BudgetLimits(tokens=50_000), last.log.read())
    assert more.reserve(ask(99), node=1, model="m", worst=worst, cancel=Flag()).usage.output_tokens == 4_000
    last.store.close()
