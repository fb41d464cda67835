"""pipeline.yaml: dvc.yaml compiled for Kubeflow Pipelines, a task per stage with the settings of params.yaml."""

import inspect
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kfp import compiler, dsl, kubernetes

from components import standalone
from components.stages import OUTPUT, finish_run, in_networks, join_locks, stage_component
from pipeline.config import params
from pipeline.config.kubeflow import Kubeflow, Resources
from pipeline.config.params import Params
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.orchestration import graph, packing
from pipeline.orchestration.graph import Graph
from pipeline.orchestration.kubeflow import task
from pipeline.orchestration.kubeflow.specification import FILE, FINISH, JOIN, NAME
from pipeline.orchestration.workspace import run_files


def write(root: Path = Path()) -> None:
    """Compile a project's dvc.yaml and params.yaml into pipeline.yaml and components/<stage>.yaml."""
    for path, content in texts(root).items():
        write_text(root / path, content)


def check(root: Path = Path()) -> None:
    """Raise `InputError` unless the compiled files agree with dvc.yaml, params.yaml and the components."""
    for path, content in texts(root).items():
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != content:
            raise InputError(f"{path} does not fit dvc.yaml and params.yaml: run `python -m pipeline kubeflow compile`")


def texts(root: Path = Path()) -> dict[Path, str]:
    """The text of every compiled file by its path relative to the project's root."""
    return {FILE: text(root), **standalone.texts(root, params.load(root / params.FILE).kubeflow)}


def text(root: Path = Path(), code: Path | None = None) -> str:
    """The compiled pipeline of a project as two YAML documents: KFP's specification, and that of Kubernetes.

    Args:
        root: Folder with dvc.yaml and params.yaml.
        code: Folder of the code that the image has. Tasks refuse other code, and Kubeflow's cache answers for stages
            of which code, parameters and parents' lock entries are known. Without it Kubeflow's cache is off: the
            same tag may name an image with other code.
    """
    with TemporaryDirectory() as folder, _stacks_without_sources():
        path = Path(folder) / FILE.name
        compiler.Compiler().compile(_pipeline(root, graph.read(root), params.load(root / params.FILE), code), str(path))
        return path.read_text(encoding="utf-8")


@contextmanager
def _stacks_without_sources() -> Iterator[None]:
    """Have `inspect.stack` leave out the source lines of its frames.

    kfp 2.17 looks up the name of its caller at every setting of a task, with the source lines of all frames, which
    nothing reads. In a process that has imported torch to find them takes a minute.
    """
    with_sources = inspect.stack
    inspect.stack = partial(with_sources, 0)
    try:
        yield
    finally:
        inspect.stack = with_sources


def _pipeline(root: Path, stages: Graph, read: Params, code: Path | None) -> Any:
    settings, default_experiment = read.kubeflow, read.experiment
    files = packing.pack(json.dumps(run_files(root)))

    def configure(each: Any, name: str, image: Any, resources: Resources) -> None:
        each.set_env_variable(task.FILES, files)
        _configure(each, name, image, settings, resources)

    def pipeline(
        remote: str = settings.remote,
        mlflow: str = settings.mlflow,
        experiment: str = default_experiment,
        overrides: list[str] = [],  # noqa: B006 (the default that Kubeflow's pages show)
        image: str = settings.image,
        slim_image: str = settings.slim_image,
    ) -> dsl.Artifact:
        """Run every stage of dvc.yaml.

        Args:
            remote: DVC remote through which all data travel, e.g. s3://bucket/folder.
            mlflow: Address of the MLflow tracking server.
            experiment: MLflow experiment.
            overrides: Parameters to change, as in `dvc exp run -S`, e.g. ["models.age.epochs=20"].
            image: Image of the stages that run networks, with its tag or digest.
            slim_image: Image of all other tasks.
        """
        finish = finish_run(remote=remote, mlflow=mlflow, experiment=experiment)
        configure(finish, FINISH, slim_image, settings.resources(FINISH))
        with dsl.ExitHandler(finish, name="stages"):
            tasks: dict[str, Any] = {}
            for stage in stages.values():
                resources = settings.resources(stage.kind)
                on_nodes = resources.nodes > 1
                tasks[stage.name] = stage_component(stage, on_nodes)(
                    stage=stage.name,
                    parameters=graph.settings(stage, root),
                    code=graph.code_digest(stage, code) if code else "",
                    parents=[tasks[name].outputs[OUTPUT] for name in stage.parents],
                    remote=remote,
                    mlflow=mlflow,
                    experiment=experiment,
                    overrides=overrides,
                    **({"image": image} if on_nodes else {}),
                )
                place = image if in_networks(stage.code) and not on_nodes else slim_image
                configure(tasks[stage.name], stage.name, place, settings.waiting(stage.kind) if on_nodes else resources)
                tasks[stage.name].set_caching_options(code is not None)
            entries = [each.outputs[OUTPUT] for each in tasks.values()]
            _limit([tasks[stage.name] for stage in stages.values() if stage.trains], settings.parallel_trainings)
            join = join_locks(entries=entries, remote=remote, overrides=overrides)
            configure(join, JOIN, slim_image, settings.resources(JOIN))
        return finish.outputs["lock"]

    return dsl.pipeline(
        pipeline,
        name=NAME,
        description="Photos of people in, a checked submission out.",
        pipeline_config=dsl.PipelineConfig(ttl_seconds_after_finished=settings.time_to_live),
    )


def _limit(trainings: Sequence[Any], most: int | None) -> None:
    """Have each training start after the one that many before it: no more of them run at once.

    A Kubeflow pipeline has no limit of its own for tasks outside a loop. The order is that of the graph.
    """
    for earlier, later in zip(trainings, trainings[most:] if most else (), strict=False):
        later.after(earlier)


def _configure(each: Any, name: str, image: Any, settings: Kubeflow, resources: Resources) -> None:
    each.set_display_name(name)
    each.set_container_image(image)  # the whole parameter: a backend replaces a field by the value of its placeholder
    each.set_caching_options(False)
    kubernetes.use_field_path_as_env(each, task.RUN, "metadata.labels['pipeline/runid']")
    retry = settings.retry
    each.set_retry(retry.times, f"{retry.wait}s", retry.factor, f"{retry.longest(resources.timeout)}s")
    kubernetes.set_timeout(each, resources.timeout)
    kubernetes.set_image_pull_policy(each, settings.pull)
    if settings.pull_secrets:
        kubernetes.set_image_pull_secrets(each, list(settings.pull_secrets))
    for secret, keys in settings.secrets.items():
        kubernetes.use_secret_as_env(each, secret, dict(keys), optional=True)
    _mount(each, settings)
    _describe(each, settings)
    _place(each, resources)


def _mount(each: Any, settings: Kubeflow) -> None:
    """Give a task its shared memory, its scratch space, and the volume that all tasks share."""
    kubernetes.empty_dir_mount(each, "shared-memory", "/dev/shm", medium="Memory", size_limit=settings.shared_memory)
    kubernetes.empty_dir_mount(each, "scratch", "/tmp", size_limit=settings.disk)
    if settings.volume:
        kubernetes.mount_pvc(each, settings.volume.claim, settings.volume.path)
        each.set_env_variable(task.SHARED, settings.volume.path)


def _describe(each: Any, settings: Kubeflow) -> None:
    """Set labels, annotations and the user of a task's pod."""
    for label, value in settings.pod_labels.items():
        kubernetes.add_pod_label(each, label, value)
    for annotation, value in settings.annotations.items():
        kubernetes.add_pod_annotation(each, annotation, value)
    if context := settings.security_context:
        kubernetes.set_security_context(each, context.user, context.group, run_as_non_root=True)


def _place(each: Any, resources: Resources) -> None:
    """Request a node's resources, and the nodes that have them."""
    each.set_cpu_request(f"{resources.cpu:g}").set_cpu_limit(f"{resources.cpu:g}")
    each.set_memory_request(resources.memory).set_memory_limit(resources.memory)
    if resources.accelerator:
        each.set_accelerator_type(resources.accelerator).set_accelerator_limit(resources.accelerators)
        each.set_env_variable(task.ACCELERATORS, str(resources.accelerators))
    for label, value in resources.node_selector.items():
        kubernetes.add_node_selector(each, label, value)
    if resources.node_affinity:
        kubernetes.add_node_affinity(each, [requirement.model_dump() for requirement in resources.node_affinity])
    for toleration in resources.tolerations:
        kubernetes.add_toleration(each, **toleration.model_dump())
