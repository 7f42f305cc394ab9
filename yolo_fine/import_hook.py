# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arms the integration when Ultralytics is imported, in whichever process that happens.

One finder at the head of ``sys.meta_path`` waits for three modules of Ultralytics and patches each right after it has
been executed. Until then it costs one look-up per import; this file imports ``os`` and ``sys`` alone.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

WATCHED = ("ultralytics.nn.tasks", "ultralytics.data.utils", "ultralytics.engine.model")


class ImportHook:
    """Finder that lets :mod:`yolo_fine.integration.install` patch each watched module once it has been executed."""

    def __init__(self) -> None:
        self.pending = set(WATCHED)

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Answer for watched modules only: the spec that the other finders give, with a patching loader."""
        if name not in self.pending:
            return None
        for finder in list(sys.meta_path):
            find_spec = None if finder is self else getattr(finder, "find_spec", None)  # some have find_module alone
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                self._patch_after_execution(spec)
                return spec
        return None

    def _patch_after_execution(self, spec: "ModuleSpec") -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: "ModuleType") -> None:
            execute(module)  # if this raises, the module stays pending and the next import tries again
            self.patch(module)

        loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]

    def patch(self, module: "ModuleType") -> None:
        """Patch an executed module, once."""
        if module.__name__ not in self.pending:
            return
        self.pending.discard(module.__name__)
        try:
            from yolo_fine.integration.install import install

            install(module)
            if module.__name__ == "ultralytics.nn.tasks" and os.environ.get("YOLO_FINE_EVAL"):
                from yolo_fine.evaluation.small_ap import arm_from_environment

                arm_from_environment()
        except Exception as error:  # whatever is wrong with this package, stock Ultralytics must go on working
            import warnings

            warnings.warn(f"yolo_fine is not active: {type(error).__name__}: {error}", stacklevel=2)


_hook = ImportHook()


def enable() -> None:
    """Make stock Ultralytics understand the registered blocks, now or as soon as it is imported.

    Called by ``import yolo_fine``; calling it again changes nothing.
    """
    if _hook not in sys.meta_path:
        sys.meta_path.insert(0, _hook)
    for name in WATCHED:
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            _hook.patch(module)
