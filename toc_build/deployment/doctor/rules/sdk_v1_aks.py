"""Target aks has a successor."""

from toc_build.deployment.doctor.sdk_v1 import successor_rule

RULE = successor_rule("TOC-DOC-504", "aks", "a Kubernetes online endpoint on the same cluster")
