"""Every reader of a file or a request, on damaged input: it is read, or refused by an `InputError`; nothing else.

`READER_INPUTS=100000 pytest tests/readers` tries as many inputs, dealt out evenly among the readers.
"""

import os
from collections.abc import Iterator

import pytest

from pipeline.foundation.errors import InputError
from tests.readers.inputs import readers
from tests.readers.reader import Reader
from tests.support.mutations import mutated

INPUTS = int(os.environ.get("READER_INPUTS", "1000"))
FIRST = int(os.environ.get("READER_SEED", "0"))

REFUSED = "refused"

pytestmark = pytest.mark.filterwarnings("ignore")  # a reader may be warned; it may not fail


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reader]]:
    folder = tmp_path_factory.mktemp("readers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield readers(folder)


def failure(reader: Reader, content: bytes) -> str | None:
    """What comes out of a reader: nothing, `REFUSED`, or what is no `InputError`."""
    try:
        reader.read(content)
    except InputError as error:
        str(error).encode()  # it can be printed
        return REFUSED
    except Exception as error:  # noqa: BLE001  every other is what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


def test_every_reader_reads_what_is_valid(every: dict[str, Reader]) -> None:
    refused = [name for name, reader in every.items() if failure(reader, reader.valid) == REFUSED]
    assert refused == ["weights, few tensors", "weights of dlib"]


def test_damaged_inputs_are_read_or_refused(every: dict[str, Reader]) -> None:
    faults = []
    for name, reader in every.items():
        for seed in range(FIRST, FIRST + -(-INPUTS // len(every))):
            found = failure(reader, mutated(reader.valid, f"{name} {seed}"))
            if found not in (None, REFUSED):
                faults.append(f"{name}, seed {seed}: {found}")
    assert not faults, f"{len(faults)} of {INPUTS}:\n" + "\n".join(faults)
