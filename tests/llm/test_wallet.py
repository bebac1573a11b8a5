import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import Message, Reply, Request, Role, Tool, ToolCall
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.usage import Usage
from mlmaster.errors import BudgetSpent, CallCancelled
from mlmaster.llm.wallet import FEWEST_OUTPUT_TOKENS, MARGIN, UNSEEN, Reservation, Wallet, Worst, estimate_request

QUESTION = "x" * 3_299  # 1,000 tokens, and 8 for the message
READ = 1_008
FIRST_READ = int(READ * UNSEEN)
SET, UNSET = threading.Event(), threading.Event()
SET.set()


def ask(output_tokens: int = 4_000, text: str = QUESTION) -> Request:
    return Request(Role.CODER, (Message("user", text),), max_output_tokens=output_tokens)


def priced(dollars_in: float, dollars_out: float) -> Worst:
    """Return a price in dollars for a million tokens."""

    def worst(read: int, written: int) -> Usage:
        return Usage(read, written, cost_usd=(read * dollars_in + written * dollars_out) / 1e6, calls=1)

    return worst


def reserve(
    wallet: Wallet,
    output_tokens: int = 4_000,
    *,
    node: int = 1,
    model: str = "m",
    worst: Worst = priced(1, 10),  # noqa: B008
    cancel: threading.Event = UNSET,
) -> Reservation:
    return wallet.reserve(ask(output_tokens), node=node, model=model, worst=worst, cancel=cancel)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except (BudgetSpent, CallCancelled) as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


# ---- what is taken and given back


def test_a_call_is_counted_with_the_most_it_may_use_until_it_ends() -> None:
    wallet = Wallet(BudgetLimits(tokens=100_000))
    reservation = reserve(wallet, node=3)
    assert reservation.usage == priced(1, 10)(FIRST_READ, 4_000)
    assert wallet.total() == wallet.of(3) == reservation.usage
    used = Usage(900, 200, cost_usd=0.25, calls=1)
    wallet.settle(reservation, used)
    assert (wallet.total(), wallet.of(3), wallet.of(4), wallet.wasted()) == (used, used, Usage(), Usage())


def test_without_limits_everything_fits() -> None:
    wallet = Wallet(BudgetLimits())
    for _ in range(3):
        assert reserve(wallet, 10**9).usage.output_tokens == 10**9


def test_failed_calls_are_wasted() -> None:
    wallet = Wallet(BudgetLimits())
    failed, answered = reserve(wallet), reserve(wallet)
    wallet.settle(failed, Usage(10, 1, calls=1), is_failed=True)
    wallet.settle(answered, Usage(20, 2, calls=1))
    assert (wallet.wasted(), wallet.total()) == (Usage(10, 1, calls=1), Usage(30, 3, calls=2))


def test_nothing_is_given_back_twice() -> None:
    wallet = Wallet(BudgetLimits())
    reservation = reserve(wallet)
    wallet.settle(reservation, Usage(1, 1, calls=1))
    with pytest.raises(ValueError, match="not in flight"):
        wallet.settle(reservation, Usage(1, 1, calls=1))
    assert wallet.total() == Usage(1, 1, calls=1)


# ---- what is left


@pytest.mark.parametrize(
    ("limits", "asked", "allowed"),
    [
        pytest.param(BudgetLimits(tokens=FIRST_READ + 4_000), 4_000, 4_000, id="all fits"),
        pytest.param(BudgetLimits(tokens=FIRST_READ + 3_999), 4_000, 3_999, id="one token less"),
        pytest.param(BudgetLimits(tokens=FIRST_READ + 1_000), 4_000, 1_000, id="the shortest"),
        pytest.param(BudgetLimits(tokens=FIRST_READ + 300), 300, 300, id="shorter than the shortest, as asked"),
        pytest.param(BudgetLimits(cost_usd=FIRST_READ / 1e6 + 0.03), 4_000, 3_000, id="dollars"),
        pytest.param(
            BudgetLimits(cost_usd=FIRST_READ / 1e6 + 0.03, tokens=FIRST_READ + 2_000), 4_000, 2_000, id="both"
        ),
    ],
)
def test_a_reply_may_be_as_long_as_is_left(limits: BudgetLimits, asked: int, allowed: int) -> None:
    usage = reserve(Wallet(limits), asked).usage
    assert (usage.input_tokens, usage.output_tokens) == (FIRST_READ, allowed)
    assert usage == priced(1, 10)(FIRST_READ, allowed)


@pytest.mark.parametrize(
    ("limits", "which", "words"),
    [
        pytest.param(
            BudgetLimits(tokens=3_511),
            "tokens",
            "of the budget of 3,511 tokens, 1,000 are spent, and the next call may take 2,512; allow more with "
            "`mlmaster resume`, --tokens being the budget of the whole run",
            id="tokens",
        ),
        pytest.param(
            BudgetLimits(cost_usd=0.02),
            "cost",
            "of the budget of $0.0200, $0.0100 are spent, and the next call may take $0.0115; allow more with "
            "`mlmaster resume`, --cost being the budget of the whole run",
            id="dollars",
        ),
        pytest.param(BudgetLimits(tokens=0), "tokens", "of the budget of 0 tokens, 1,000 are spent", id="none at all"),
    ],
)
def test_what_does_not_fit_says_what_is_left_and_what_to_do(limits: BudgetLimits, which: str, words: str) -> None:
    before = Call(1, 0.0, Asked(1, "else", ask(), Usage()), Answered("failed", Usage(900, 100, cost_usd=0.01, calls=1)))
    with pytest.raises(BudgetSpent) as info:
        reserve(Wallet(limits, [before]))
    assert info.value.which == which
    assert str(info.value).startswith(words)


def test_a_free_call_fits_a_spent_budget_of_dollars() -> None:
    wallet = Wallet(BudgetLimits(cost_usd=0.1))
    wallet.settle(reserve(wallet), Usage(READ, 10, cost_usd=0.2, calls=1))
    assert reserve(wallet, worst=priced(0, 0)).usage.output_tokens == 4_000
    with pytest.raises(BudgetSpent):
        reserve(wallet, worst=priced(0.001, 0))


# ---- waiting for others


def test_a_call_waits_for_what_others_give_back() -> None:
    wallet = Wallet(BudgetLimits(tokens=FIRST_READ + 4_000))
    first = reserve(wallet)
    has_begun = threading.Event()

    def worst(read: int, written: int) -> Usage:
        has_begun.set()
        return Usage(read, written)

    thread, found = in_thread(lambda: reserve(wallet, 1_500, worst=worst))
    has_begun.wait()
    wallet.settle(first, Usage(1_008, 500, calls=1))
    thread.join()
    [second] = found
    assert isinstance(second, Reservation)
    assert second.usage.output_tokens == 1_500


def test_a_call_waits_for_the_room_of_a_whole_reply_rather_than_cut_it_short() -> None:
    wallet = Wallet(BudgetLimits(tokens=2 * FIRST_READ + 6_000))
    first = reserve(wallet)
    has_begun = threading.Event()

    def worst(read: int, written: int) -> Usage:
        has_begun.set()
        return Usage(read, written)

    thread, found = in_thread(lambda: reserve(wallet, worst=worst))
    has_begun.wait()
    wallet.settle(first, Usage(READ, 100, calls=1))
    thread.join()
    [second] = found
    assert isinstance(second, Reservation)
    assert second.usage.output_tokens == 4_000


def test_a_call_that_others_leave_nothing_ends_with_the_budget() -> None:
    wallet = Wallet(BudgetLimits(tokens=FIRST_READ + 4_000))
    first = reserve(wallet)
    has_begun = threading.Event()

    def worst(read: int, written: int) -> Usage:
        has_begun.set()
        return Usage(read, written)

    thread, found = in_thread(lambda: reserve(wallet, worst=worst))
    has_begun.wait()
    wallet.settle(first, first.usage)
    thread.join()
    assert isinstance(found[0], BudgetSpent)


def test_nobody_waits_for_what_would_not_be_enough() -> None:
    wallet = Wallet(BudgetLimits(tokens=8_000))
    reserve(wallet, 4_000)
    with pytest.raises(BudgetSpent):
        wallet.reserve(ask(text="x" * 33_000), node=1, model="m", worst=priced(1, 1), cancel=UNSET)


def test_the_end_of_the_run_ends_the_wait() -> None:
    wallet = Wallet(BudgetLimits(tokens=FIRST_READ + 4_000))
    reserve(wallet)
    cancel = threading.Event()

    def worst(read: int, written: int) -> Usage:
        cancel.set()
        return Usage(read, written)

    with pytest.raises(CallCancelled):
        reserve(wallet, worst=worst, cancel=cancel)


# ---- how much is read


def test_a_model_that_counts_more_than_estimated_is_believed_from_then_on() -> None:
    wallet = Wallet(BudgetLimits())
    wallet.settle(reserve(wallet), Usage(2 * READ, 10, calls=1))
    assert reserve(wallet).usage.input_tokens == pytest.approx(2 * READ * MARGIN, abs=1)
    wallet.settle(reserve(wallet), Usage(READ, 10, calls=1))
    assert reserve(wallet).usage.input_tokens == pytest.approx(2 * READ * MARGIN, abs=1), "the largest counts"
    assert reserve(wallet, model="other").usage.input_tokens == FIRST_READ, "another model has its own tokenizer"


@pytest.mark.parametrize(
    ("used", "is_failed", "ratio"),
    [
        pytest.param(Usage(READ // 2, 10, calls=1), False, 1.0 * MARGIN, id="less than estimated"),
        pytest.param(Usage(3 * READ, 10, calls=2), False, 1.5 * MARGIN, id="a failed try before"),
        pytest.param(Usage(9 * READ, 0, calls=1), True, UNSEEN, id="half a reply"),
        pytest.param(Usage(0, 0, calls=1), False, UNSEEN, id="nothing counted"),
    ],
)
def test_what_is_learned_of_a_tokenizer(used: Usage, is_failed: bool, ratio: float) -> None:
    wallet = Wallet(BudgetLimits())
    wallet.settle(reserve(wallet), used, is_failed=is_failed)
    assert reserve(wallet).usage.input_tokens == pytest.approx(READ * ratio, abs=1)


def test_everything_that_is_read_is_estimated() -> None:
    plain = ask()
    [message] = plain.messages
    long = "word " * 100
    larger = [
        replace(plain, thoughts=long),
        replace(plain, schema={"title": long}),
        replace(plain, tools=(Tool("t", "d", {"title": long}),)),
        replace(plain, tools=(Tool("t", long, {}),)),
        replace(plain, messages=(message, Message("user", long))),
        replace(plain, messages=(replace(message, calls=(ToolCall("1", "run", long),)),)),
        replace(plain, messages=(replace(message, carried={"signed": long}),)),
    ]
    assert estimate_request(plain) == READ
    assert all(estimate_request(each) >= READ + estimate_tokens(long) for each in larger)


# ---- laws

LIMITS = st.builds(
    BudgetLimits, tokens=st.none() | st.integers(0, 60_000), cost_usd=st.none() | st.floats(0, 0.4, allow_nan=False)
)
SHARES = st.floats(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 3), st.integers(1, 20_000), st.sampled_from(["m", "n"])),
        st.tuples(st.sampled_from(["settle", "fail"]), st.integers(0, 9), SHARES, SHARES),
    ),
    max_size=40,
)


def part(usage: Usage, read: float, written: float) -> Usage:
    used = priced(1, 10)(int(usage.input_tokens * read), int(usage.output_tokens * written))
    return used if written < 1 else usage


def require_within(wallet: Wallet, limits: BudgetLimits) -> None:
    total = wallet.total()
    assert limits.tokens is None or total.tokens <= limits.tokens
    assert limits.cost_usd is None or total.cost_usd <= limits.cost_usd + 1e-9
    assert min(total.tokens, total.cost_usd, total.calls) >= 0


def nearly(usage: Usage) -> object:
    return pytest.approx((usage.tokens, usage.cost_usd, usage.calls), abs=1e-9)


def plain(usage: Usage) -> tuple[float, ...]:
    return (usage.tokens, usage.cost_usd, usage.calls)


@settings(max_examples=200, deadline=None)
@given(LIMITS, STEPS)
def test_no_order_of_calls_passes_a_limit_and_a_resumed_run_knows_as_much(
    limits: BudgetLimits, steps: list[tuple[str, int, float, float]]
) -> None:
    wallet = Wallet(limits)
    flying: list[Reservation] = []
    asked: dict[int, Asked] = {}
    answered: dict[int, Answered] = {}
    for kind, number, first, second in steps:
        if kind == "reserve":
            request = ask(int(first))
            try:
                found = wallet.reserve(request, node=number, model=str(second), worst=priced(1, 10), cancel=SET)
            except (BudgetSpent, CallCancelled):
                continue
            assert min(int(first), FEWEST_OUTPUT_TOKENS) <= found.usage.output_tokens <= int(first)
            flying.append(found)
            asked[found.id] = Asked(number, str(second), request, found.usage)
        elif flying:
            found = flying.pop(number % len(flying))
            used = part(found.usage, first, second)
            wallet.settle(found, used, is_failed=kind == "fail")
            answered[found.id] = (
                Answered("failed", used) if kind == "fail" else Answered("answered", used, Reply("fine", usage=used))
            )
        require_within(wallet, limits)
        assert plain(sum((wallet.of(node) for node in range(4)), Usage())) == nearly(wallet.total())

    resumed = Wallet(limits, [Call(i, 0.0, asked[i], answered.get(i)) for i in sorted(asked)])
    assert plain(resumed.total()) == nearly(wallet.total())
    assert [plain(resumed.of(node)) for node in range(4)] == [nearly(wallet.of(node)) for node in range(4)]
    lost = sum((each.usage for each in flying), Usage())
    assert plain(resumed.wasted()) == nearly(wallet.wasted() + lost)
    if limits == BudgetLimits():
        for model in ("m", "n"):
            assert reserve(resumed, model=model).usage == reserve(wallet, model=model).usage


@pytest.mark.parametrize(
    "limits", [BudgetLimits(tokens=100_000), BudgetLimits(cost_usd=0.5)], ids=["tokens", "dollars"]
)
def test_threads_use_a_budget_up_and_never_pass_it(limits: BudgetLimits) -> None:
    wallet = Wallet(limits)
    ends: list[BudgetSpent] = []

    def work(node: int) -> None:
        try:
            for i in range(10_000):
                reservation = reserve(wallet, 5_000, node=node)
                require_within(wallet, limits)
                wallet.settle(reservation, part(reservation.usage, 0.4, 0.1 * (i % 10)), is_failed=i % 3 == 0)
        except BudgetSpent as error:
            ends.append(error)

    threads = [threading.Thread(target=work, args=(node,)) for node in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 8
    require_within(wallet, limits)
    with pytest.raises(BudgetSpent):
        reserve(wallet, 5_000)
