"""Target aci has a successor."""

from toc_build.deployment.doctor.sdk_v1 import successor_rule

RULE = successor_rule("TOC-DOC-503", "aci", "a managed online endpoint")
