"""What all parts of params.yaml have in common: frozen, checked, and told of in one line."""

from collections.abc import Hashable
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0)]

T = TypeVar("T", bound=Hashable)


class Section(BaseModel):
    """Frozen, with no key but those declared; numbers are lax because Kubeflow turns 20 into 20.0."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def named(value: Any) -> Any:
    """A bare name stands for an entry without settings: `focal` is `{name: focal}`."""
    return {"name": value} if isinstance(value, str) else value


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """The values as they are; raises `ValueError` that names those that are there more than once."""
    repeated = [str(value) for value in dict.fromkeys(values) if values.count(value) > 1]
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is named twice")
    return values


def worded(text: str) -> WrapValidator:
    """One line of our own, in place of pydantic's line for every member of a union."""

    def check(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(text) from None

    return WrapValidator(check)
