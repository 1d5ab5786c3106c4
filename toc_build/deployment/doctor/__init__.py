"""The doctor: looks for what will go wrong later, before anything is built.

`toc-build doctor` calls `examine`, a plan `examine_for`. In reading order: `subject` (what is looked at),
`rule` (what a rule is), `rules` (one module each), `registry` (finds them and runs them).
"""

from __future__ import annotations

from toc_build.deployment.doctor.registry import all_rules, examine, examine_for, mend

__all__ = ["all_rules", "examine", "examine_for", "mend"]
