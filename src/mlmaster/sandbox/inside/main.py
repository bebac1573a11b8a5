"""Entry of everything that runs outside the harness; started by path in the interpreter that scripts use.

    main.py start LIFELINE STATUS OUTPUT     one script in this fresh interpreter
    main.py zygote CONTROL MODULES           the warm interpreter; see `zygote.py`

The numbers are inherited descriptors; what they carry is said in `supervisor.py`.
"""

import os
import sys
import types


def _stand_in_for_the_package() -> None:
    """Let `mlmaster.sandbox.inside` be imported without ML-Master, which the interpreter of the scripts may not have."""
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]
    for name in ("mlmaster", "mlmaster.sandbox", "mlmaster.sandbox.inside"):
        module = types.ModuleType(name)
        module.__path__ = [here] if name.endswith("inside") else []
        sys.modules[name] = module


def main(arguments: "list[str]") -> None:
    """Do what the arguments say; comes back in no process but a script's, which ends by raising `SystemExit`."""
    from mlmaster.sandbox.inside import script, supervisor, zygote

    if arguments[0] == "start":
        lifeline, status, output = map(int, arguments[1:])
    else:
        lifeline, status, output = zygote.serve(int(arguments[1]), arguments[2])
    plan = supervisor.supervise(lifeline, status, output)
    script.become(plan)


if __name__ == "__main__":
    _stand_in_for_the_package()
    main(sys.argv[1:])
