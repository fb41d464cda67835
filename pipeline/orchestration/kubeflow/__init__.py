"""The graph on Kubeflow: its settings, its compiled form, what a task does there, and a run on this machine."""
