"""What a run would ask of a language model and what that would cost, before anything is made or sent."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.chat import ModelFacts, Role
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context
from mlmaster.core.tokens import estimate_tokens
from mlmaster.engine.desk import list_files
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.errors import SettingsError
from mlmaster.llm.estimate import Estimate, Plan, estimate
from mlmaster.llm.presets import find_preset
from mlmaster.llm.prices import Prices
from mlmaster.sandbox.interpreter import probe
from mlmaster.settings import Settings
from mlmaster.wiring.engineers import asks_models, brief
from mlmaster.wiring.runs import prepare, script_limits


def look_ahead(source: str | Path, settings: Settings) -> Estimate:
    """Return what a run would use; no run directory is made, and nobody is asked.

    Raises:
        UserError: The task or the settings cannot be used.
        SettingsError: The run would ask no model.
    """
    if not asks_models(settings):
        raise SettingsError(
            "--dry-run estimates what language models cost, and this run would ask none; name one with --model"
        )
    coder = settings.llm.of(Role.CODER)
    preset, name = find_preset(coder.model or "", coder.base_url)
    prices = Prices(settings.llm.prices)
    limits, engine, session = settings.budget.limits, settings.engine, settings.session
    return estimate(
        Plan(
            limits=limits,
            turns=session.turns,
            session_tokens=session.tokens,
            first_prompt_tokens=_measure_prompt(source, settings),
            context_tokens=session.context_tokens,
            max_output_tokens=settings.llm.max_output_tokens,
            proposals=engine.actual_proposal_workers,
            slots=engine.actual_slots,
            script_limit_s=engine.timeout_s(limits.time_s),
        ),
        lambda usage: prices.price(name, preset, usage, coder.base_url),
    )


def _measure_prompt(source: str | Path, settings: Settings) -> int:
    """Return the tokens of the first draft's prompt."""
    with TemporaryDirectory(prefix="mlmaster-") as folder:
        prepared = prepare(source, settings, Path(folder))
        task = prepared.task
        told = brief(
            task,
            prepared.profile,
            settings,
            script_limits(settings, BudgetLimits(time_s=settings.budget.time_s)),
            probe(Path(settings.sandbox.python or sys.executable)),
        )
        context = Context(
            operator=Operator.DRAFT,
            task=task,
            profile=prepared.profile,
            script_limit_s=told.script_limit_s,
            threads=told.machine.threads,
            machine=told.machine,
            packages=told.packages,
            modules=told.modules,
            description=told.description,
        )
        prompt = Prompts(settings.session).first(
            context,
            list_files(task.directory),
            ModelFacts(name=""),
            tools="native" if settings.session.turns > 1 else "none",
            tokens=settings.session.context_tokens,
        )
    return sum(estimate_tokens(message.text) for message in prompt.messages)
