"""Estimators that learn a kernel, and with it a metric of their inputs."""

from neuromanifold.featuremaps.kernel_learning.amari_wu import AmariWuClassifier
from neuromanifold.featuremaps.kernel_learning.learned import volume_change
from neuromanifold.featuremaps.kernel_learning.recursive_features import RecursiveFeatureMachine
from neuromanifold.featuremaps.kernel_learning.self_supervised import SelfSupervisedKernel

__all__ = ["AmariWuClassifier", "RecursiveFeatureMachine", "SelfSupervisedKernel", "volume_change"]
