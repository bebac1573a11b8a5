"""The models of a run: implements `mlmaster.ports.LLM` and `mlmaster.ports.Expenses` by putting the layers together.

A request is answered from recordings where it was answered before (`recordings.py`), else asked (`asking.py`): paid from the
wallet, kept in the log, sent by a provider, tried again with patience. Roles that the same model plays share what is known of
it (`casting.py`). Which providers there are is data (`presets.py`); what one says on its wire is its own module's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event as Flag
from threading import Lock

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import ModelFacts, Reply, Request, Role
from mlmaster.core.usage import Usage
from mlmaster.llm.asking import Means, Question
from mlmaster.llm.casting import Casting, Player
from mlmaster.llm.recordings import Recordings
from mlmaster.llm.settings import LLMSettings
from mlmaster.llm.streaming import Streaming
from mlmaster.llm.wallet import Wallet
from mlmaster.ports import CallLog, Clock


class Models:
    """One model for each role, behind retries, a budget and recordings. May be used from several threads."""

    def __init__(
        self,
        players: Mapping[Role, Player],
        *,
        log: CallLog,
        wallet: Wallet,
        recordings: Recordings,
        streaming: Streaming,
        clock: Clock,
        retries: int,
        say: Callable[[str], None],
        is_replay: bool = False,
    ) -> None:
        """Take the parts; nothing is sent.

        Args:
            players: Who plays each role.
            log: Keeps every call.
            wallet: Pays, and knows what was paid before.
            recordings: Replies that are known already.
            streaming: Carries replies through.
            clock: The time.
            retries: Times that an empty reply is asked for again.
            say: Tells the user something; called from any thread.
            is_replay: The recordings are of another run, so what they give is new to the log.
        """
        self._players = dict(players)
        self._log = log
        self._wallet = wallet
        self._recordings = recordings
        self._is_replay = is_replay
        self._say = say
        self._said: set[str] = set()
        self._lock = Lock()
        self._closed = Flag()
        self._means = Means(streaming, wallet, log, clock, retries, self._say_once)

    def facts(self, role: Role) -> ModelFacts:
        """Return what is known of the model that plays a role."""
        return self._players[role].facts()

    def is_away(self, role: Role) -> bool:
        """Return True while the provider of a role counts as away."""
        return self._players[role].model.circuit.is_away

    def ask(self, request: Request, *, node: int, cancel: Flag) -> Reply:
        """Ask and wait for the whole reply, as `mlmaster.ports.LLM` says."""
        player = self._players[request.role]
        known = self._recordings.find(node, request)
        if known is not None:
            if self._is_replay:
                call = self._log.open(Asked(node, player.model.name, request, Usage()))
                self._log.close(call, Answered("answered", Usage(), reply=known, detail="replayed"))
            return known
        either = _Either(cancel, self._closed)
        return Question(self._means, player.model, player.facts(), player.options, request, node, either).ask()

    def total(self) -> Usage:
        """Return what the run has used, over all its processes, calls in flight with what is reserved."""
        return self._wallet.total()

    def of(self, node: int) -> Usage:
        """Return what was used for a node, calls in flight with what is reserved."""
        return self._wallet.of(node)

    def wasted(self) -> Usage:
        """Return what was used by calls that brought no reply."""
        return self._wallet.wasted()

    def close(self) -> None:
        """End the calls in flight, and close all connections."""
        self._closed.set()
        for provider in {id(player.model): player.model.provider for player in self._players.values()}.values():
            provider.close()

    def _say_once(self, line: str) -> None:
        with self._lock:
            is_news = line not in self._said
            self._said.add(line)
        if is_news:
            self._say(line)


def make_models(
    settings: LLMSettings,
    *,
    limits: BudgetLimits,
    log: CallLog,
    environ: Mapping[str, str],
    clock: Clock,
    say: Callable[[str], None],
    patience_s: float,
    recorded: Sequence[Call] | None = None,
) -> Models:
    """Return the models that settings ask for; nothing is sent.

    Args:
        settings: Which models, and how.
        limits: What the run may spend; only dollars and tokens count.
        log: Keeps the run's calls, and has those of its earlier processes.
        environ: The environment, for keys.
        clock: The time.
        say: Tells the user something; called from any thread.
        patience_s: Seconds to wait for a provider that is away; 0 where somebody else goes on meanwhile.
        recorded: Calls of the run that is replayed; None when models are asked.

    Raises:
        SettingsError: A model is not known, has no key or no address, or cannot be steered as wanted.
    """
    before = log.read()
    casting = Casting(
        settings,
        environ=environ,
        clock=clock,
        say=say,
        patience_s=patience_s,
        has_cost_limit=limits.cost_usd is not None,
        recorded=recorded,
    )
    return Models(
        casting.players(),
        log=log,
        wallet=Wallet(limits, before),
        recordings=Recordings(before, recorded),
        streaming=Streaming(clock, settings.first_token_s, settings.idle_s),
        clock=clock,
        retries=settings.retries,
        say=say,
        is_replay=recorded is not None,
    )


class _Either(Flag):
    """A flag that is set when one of two others is; it notices the second only between waits, which are short."""

    def __init__(self, one: Flag, other: Flag) -> None:
        super().__init__()
        self._one, self._other = one, other

    def is_set(self) -> bool:
        return self._one.is_set() or self._other.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._one.wait(timeout) or self._other.is_set()
