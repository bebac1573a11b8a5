"""Which engineer a run has, and the language models behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from typing import TYPE_CHECKING

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Call
from mlmaster.core.chat import Message, ModelFacts, Reply, Request, Role
from mlmaster.core.clock import SystemClock
from mlmaster.core.execution import Limits
from mlmaster.core.proposal import Machine
from mlmaster.core.task import Profile, Task
from mlmaster.engine.briefing import Briefing, read_description
from mlmaster.engineers.offline import REQUIRED, OfflineEngineer
from mlmaster.errors import RunDirectoryError, SandboxError, SettingsError
from mlmaster.llm.settings import LLMSettings
from mlmaster.ports import Clock, Engineer, Expenses
from mlmaster.sandbox.interpreter import Interpreter
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory

if TYPE_CHECKING:
    from mlmaster.llm.models import Models


CHECK_TOKENS = 2_000
"""Most tokens of the reply to a check: room for a model that reasons before it says hello."""


@dataclass(frozen=True, slots=True)
class Employed:
    """An engineer with what it is paid from.

    Attributes:
        expenses: Counts what its calls cost; None for one that makes none.
        release: Lets go what it holds.
    """

    engineer: Engineer
    expenses: Expenses | None = None
    release: Callable[[], None] = lambda: None


def employ(
    store: RunDirectory,
    settings: Settings,
    limits: BudgetLimits,
    interpreter: Interpreter | None,
    clock: Clock,
    say: Callable[[str], None],
    folds: int,
) -> Employed:
    """Return the engineer of a run.

    Args:
        store: The run directory, open for writing: calls are kept there.
        settings: Of the run.
        limits: What may be spent.
        interpreter: What scripts run in, where it is known.
        clock: The time.
        say: Tells the user something while the run goes on; called from any thread.
        folds: How often each script is run.

    Raises:
        SettingsError: No model is named, or it cannot be asked as the settings say.
        SandboxError: No script of this engineer could run in the interpreter.
    """
    if not asks_models(settings):
        return Employed(make_engineer(settings, interpreter))
    from mlmaster.engineers.llm.engineer import LLMEngineer
    from mlmaster.engineers.llm.prompting.prompts import Prompts

    models = open_models(store, settings, limits, clock, say)
    engineer: Engineer = LLMEngineer(models, Prompts(settings.session, folds), settings.session, clock)
    session = settings.session
    can_run_offline = interpreter is None or all(name in interpreter.packages for name in REQUIRED)
    if can_run_offline and (session.baseline or session.fallback):
        from mlmaster.engineers.relay import Relay

        engineer = Relay(
            engineer,
            OfflineEngineer(),
            has_baseline=session.baseline,
            has_fallback=session.fallback,
            patience_s=settings.llm.patience,
        )
    return Employed(engineer, models, models.close)


def change_model(before: LLMSettings, model: str | None, base_url: str | None) -> LLMSettings:
    """Return settings with another model or address.

    A model of another provider takes neither the address nor the key of the one before: its own key would be sent there. A
    replay ends where a model is named.

    Raises:
        SettingsError: The model leads to no provider, or the address is none.
    """
    if model is None:
        return before if base_url is None else before.model_copy(update={"base_url": base_url})
    from mlmaster.llm.presets import find_preset

    changed = before.model_copy(update={"model": model, "base_url": base_url or before.base_url, "replay": None})
    provider, _ = find_preset(model, changed.base_url)
    if before.model is None or provider.name != find_preset(before.model, before.base_url)[0].name:
        return changed.model_copy(update={"base_url": base_url, "key_env": None})
    return changed


def asks_models(settings: Settings) -> bool:
    """Return True for a run whose engineer asks language models.

    Raises:
        SettingsError: It is to ask them, and none is named.
    """
    if settings.engineer == "llm" and not settings.llm.is_named:
        raise SettingsError(
            "engineer is llm, and no model is named; name one with --model, for example --model openai:gpt-5 or --model "
            "ollama:qwen3:8b (`mlmaster models` lists the providers), or leave it to --engineer offline"
        )
    return settings.engineer == "llm" or (settings.engineer == "auto" and settings.llm.is_named)


def make_engineer(settings: Settings, interpreter: Interpreter | None = None) -> Engineer:
    """Return the engineer that asks nobody.

    Args:
        settings: Of the run.
        interpreter: What scripts run in, where it is known.

    Raises:
        SettingsError: The settings name another engineer.
        SandboxError: No script of this engineer could run in the interpreter.
    """
    if asks_models(settings):
        raise SettingsError("engineer: language models are asked for a run alone")
    if interpreter is not None:
        require_packages(interpreter.python, interpreter.packages)
    return OfflineEngineer()


def require_packages(python: Path, packages: Mapping[str, str]) -> None:
    """Check that the scripts of the offline engineer can run in an interpreter.

    Raises:
        SandboxError: It lacks what every one of them imports.
    """
    lacking = [name for name in REQUIRED if name not in packages]
    if lacking:
        raise SandboxError(
            f"{python} has no {' and no '.join(lacking)}, which every script of the offline engineer needs; add "
            "packages there, or have them added for the run: --set 'sandbox.packages=[pandas, scikit-learn, lightgbm]'"
        )


def open_models(
    store: RunDirectory, settings: Settings, limits: BudgetLimits, clock: Clock, say: Callable[[str], None]
) -> Models:
    """Return the models of a run, with what earlier processes of it asked.

    Raises:
        SettingsError: A model cannot be asked as the settings say: no key, an unknown provider.
        RunDirectoryError: There is no run to replay.
    """
    from mlmaster.llm.models import make_models

    return make_models(
        settings.llm,
        limits=limits,
        log=store.calls(),
        environ=os.environ,
        clock=clock,
        say=say,
        recorded=None if settings.llm.replay is None else _recorded(settings.llm.replay),
        patience_s=0.0 if settings.session.fallback else settings.llm.patience,
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of asking a model one short question."""

    facts: ModelFacts
    reply: Reply

    def plain(self) -> dict[str, object]:
        """Return it as data."""
        return {"facts": asdict(self.facts), "reply": asdict(self.reply)}


def check_model(settings: Settings, say: Callable[[str], None]) -> Checked:
    """Ask the coder's model one short question.

    Raises:
        SettingsError: It cannot be asked as the settings say.
        LLMError: It could not be asked, or could not answer.
    """
    from mlmaster.llm.models import make_models
    from mlmaster.store.calls import CallBook

    request = Request(
        role=Role.CODER,
        messages=(
            Message("system", "You are asked whether you can be reached. Answer in one short sentence."),
            Message("user", "Say hello."),
        ),
        max_output_tokens=CHECK_TOKENS,
        prompt="check",
    )
    with TemporaryDirectory(prefix="mlmaster-") as folder:
        book = CallBook(Path(folder), writable=True)
        models = make_models(
            settings.llm,
            limits=BudgetLimits(),
            log=book,
            environ=os.environ,
            clock=SystemClock(),
            say=say,
            patience_s=0.0,
        )
        try:
            reply = models.ask(request, node=0, cancel=Flag())
            return Checked(models.facts(Role.CODER), reply)
        finally:
            models.close()
            book.disconnect()


def _recorded(directory: Path) -> Sequence[Call]:
    """Return the calls of a run that is to be replayed."""
    store = RunDirectory.open_for_reading(directory.absolute())
    try:
        calls = store.calls().read()
    finally:
        store.close()
    if not calls:
        raise RunDirectoryError(f"{directory} asked no language model, so there is nothing to replay; name another run")
    return calls


def brief(
    task: Task,
    profile: Profile,
    settings: Settings,
    limits: Limits,
    interpreter: Interpreter | None,
    gpus: tuple[str, ...] = (),
) -> Briefing:
    """Return what every proposal of a run is told alike; `gpus` are the names of those that scripts are lent."""
    return Briefing(
        task=task,
        profile=profile,
        script_limit_s=limits.wall_s,
        machine=Machine(
            threads=limits.threads,
            memory_bytes=limits.memory_bytes,
            disk_bytes=limits.disk_bytes,
            gpus=gpus,
            caches=settings.sandbox.caches,
            has_network=settings.sandbox.network,
            python="" if interpreter is None else interpreter.version_text,
        ),
        packages={} if interpreter is None else interpreter.packages,
        modules=frozenset() if interpreter is None else frozenset(interpreter.modules),
        description=read_description(task),
    )
