"""The base class of all sections of params.yaml, and shared validators with one-line messages."""

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
    """A frozen model without undeclared keys, of finite numbers; they are lax because Kubeflow turns 20 into 20.0."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def expand_name(value: Any) -> Any:
    """Expand a bare name to a configuration without settings: `focal` becomes `{name: focal}`."""
    return {"name": value} if isinstance(value, str) else value


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values unchanged; raises `ValueError` that names duplicate ones."""
    repeated = [str(value) for value in dict.fromkeys(values) if values.count(value) > 1]
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is named twice")
    return values


def with_message(text: str) -> WrapValidator:
    """Return a validator that reports `text` instead of pydantic's line for every member of a union."""

    def check(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(text) from None

    return WrapValidator(check)
