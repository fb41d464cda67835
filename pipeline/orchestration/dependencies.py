"""The dependencies of a stage: their hashes, known without their bytes, and the files that are fetched of them.

A hash of a folder is an object that lists the hashes of its files. What a stage depends on is therefore known from the
lock entries of its parents, and from one small object where it depends on a part of a folder or on several outs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.orchestration.run_cache import Reads

if TYPE_CHECKING:
    from pipeline.orchestration.photos import Selection  # imports pandas

LACKING = "the DVC remote lacks files; `dvc push` them from where they are, or start again"


@dataclass(frozen=True)
class TrackedFile:
    """A file of an out: its absolute path, and DVC's hash and metadata (its size, where that is known)."""

    path: Path
    hash: Any
    meta: Any


class Dependencies:
    """The dependencies of a stage that is loaded from a workspace.

    Attributes:
        stage: DVC's stage; `hash` gives its dependencies their hashes.
    """

    def __init__(self, opened: Any, name: str, needs: Sequence[str]) -> None:
        """Load a stage and the outs of those that it needs, by DVC's names, from an opened repository."""
        (self.stage,) = opened.stage.collect(name)
        self._opened = opened
        self._outs = [out for need in needs for stage in opened.stage.collect(need) for out in stage.outs]
        self._listed: dict[str, list[TrackedFile]] = {}
        self._chosen: list[TrackedFile] = []

    def hash(self) -> None:
        """Give every dependency its hash: outs of other stages from their lock entries, code from the workspace.

        Raises:
            InputError: When the remote lacks the list of a folder's files.
        """
        for dependency in self.stage.deps:
            outs = self._providers(dependency)
            if not outs:
                dependency.save()
            elif outs[0].fs_path == dependency.fs_path:
                dependency.hash_info, dependency.meta = outs[0].hash_info, outs[0].meta
            else:
                dependency.hash_info, dependency.meta = _digest(Path(dependency.fs_path), self._files(dependency))

    def select(self, selections: Iterable[Callable[[], "Selection"]]) -> Reads:
        """Choose what the stage reads; what no selection names is an empty file in the workspace.

        What a selection names is fetched before the next one is asked, which may read it; `fetch` does it for the last.

        Args:
            selections: Each says what the stage reads of the dependencies.

        Returns:
            The digest of what is read of each file by path; None for a file of which only the name counts.

        Raises:
            InputError: Names the files that the remote lacks.
        """
        read: dict[str, str | None] = {
            each.def_path: each.hash_info.value for each in self.stage.deps if not self._providers(each)
        }
        files = {each.path: each for dependency in self.stage.deps for each in self._files(dependency)}
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            read[self._relative(path)] = None
        for selection in selections:
            self.fetch()
            found = selection()
            self._chosen = [file for file in files.values() if found.wanted(file.path)]
            read |= {self._relative(file.path): file.hash.value for file in self._chosen}
            read |= {self._relative(path): part for path, part in found.parts.items() if path in files}
        return read

    def fetch(self) -> None:
        """Fetch the files of the last selection. Raises `InputError` that names those that the remote lacks."""
        self._bring(self._chosen)

    def fetch_outs(self, entry: Mapping[str, Any], select: Callable[[Mapping[str, int | None]], set[str]]) -> None:
        """Fetch some of the stage's outs that an entry of the run-cache names.

        Args:
            entry: The stage's entry of dvc.lock.
            select: Of all files of the outs, by path with their bytes where these are known, those to fetch.

        Raises:
            InputError: Names the files that the remote lacks.
        """
        from dvc.stage.loader import StageLoader

        StageLoader.fill_from_lock(self.stage, entry)
        files = {self._relative(file.path): file for out in self.stage.outs for file in self._list(out)}
        chosen = select({path: file.meta and file.meta.size for path, file in files.items()})
        self._bring([file for path, file in files.items() if path in chosen])

    def _providers(self, dependency: Any) -> list[Any]:
        """The outs that a dependency consists of: the one that it is or lies in, or all that lie in it."""
        path = Path(dependency.fs_path)
        return [
            out for out in self._outs if path.is_relative_to(found := Path(out.fs_path)) or found.is_relative_to(path)
        ]

    def _files(self, dependency: Any) -> Iterator[TrackedFile]:
        path = Path(dependency.fs_path)
        for out in self._providers(dependency):
            yield from (file for file in self._list(out) if file.path.is_relative_to(path))

    def _list(self, out: Any) -> list[TrackedFile]:
        if out.fs_path not in self._listed:
            root = Path(out.fs_path)
            tree = [((), out.meta, out.hash_info)] if not out.hash_info.isdir else self._tree(out)
            self._listed[out.fs_path] = [TrackedFile(root.joinpath(*key), found, meta) for key, meta, found in tree]
        return self._listed[out.fs_path]

    def _tree(self, out: Any) -> Any:
        from dvc_data.hashfile.tree import Tree
        from dvc_objects.errors import ObjectFormatError

        for place in (self._opened.cache.local, self._opened.cloud.get_remote_odb()):
            try:
                return Tree.load(place, out.hash_info)
            except (FileNotFoundError, ObjectFormatError):
                continue
        raise InputError(f"{LACKING}: {self._relative(Path(out.fs_path))}")

    def _bring(self, files: Sequence[TrackedFile]) -> None:
        """Fetch files into the cache, and link them into the workspace as `cache.type` has it."""
        from dvc_objects.fs import LocalFileSystem
        from dvc_objects.fs.generic import transfer

        cache, storage = self._opened.cache.local, self._opened.cloud.get_remote_odb()
        hashes = sorted({file.hash.value for file in files})
        failed: dict[str, BaseException] = {}
        places = [storage.oid_to_path(one) for one in hashes]
        cache.add(places, storage.fs, hashes, on_error=failed.__setitem__)  # `pull` would list the remote's objects
        for error in failed.values():
            if not isinstance(error, FileNotFoundError):
                raise InputError(f"{storage.path}: cannot be read: {error}") from error
        raise_faults(LACKING, sorted(self._relative(file.path) for file in files if file.hash.value in failed))
        for file in files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.unlink(missing_ok=True)
        sources = [cache.oid_to_path(file.hash.value) for file in files]
        transfer(cache.fs, sources, LocalFileSystem(), [str(each.path) for each in files], links=[*cache.cache_types])

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._opened.root_dir).as_posix()


def _digest(path: Path, files: Iterator[TrackedFile]) -> tuple[Any, Any]:
    """DVC's hash and metadata of a file, or of a folder of files."""
    from dvc_data.hashfile.meta import Meta
    from dvc_data.hashfile.tree import Tree

    tree, sizes = Tree(), []
    for file in files:
        if file.path == path:
            return file.hash, file.meta
        tree.add(file.path.relative_to(path).parts, file.meta, file.hash)
        sizes.append(file.meta and file.meta.size)
    tree.digest()
    known = [size for size in sizes if size is not None]
    return tree.hash_info, Meta(size=sum(known) if len(known) == len(sizes) else None, nfiles=len(tree), isdir=True)
