"""The graph and its executors: DVC, the parallel runner, Kubeflow."""
