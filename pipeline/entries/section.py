"""What all parts of params.yaml have in common: frozen, checked, and told of in one line."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Frozen, with no key but those declared; numbers are lax because Kubeflow turns 20 into 20.0."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def named(value: Any) -> Any:
    """A bare name stands for an entry without settings: `focal` is `{name: focal}`."""
    return {"name": value} if isinstance(value, str) else value


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    if twice:
        raise ValueError(f"{', '.join(map(str, twice))} named more than once")
    return values


once = AfterValidator(_each_once)
"""For a list that names things: DVC would pass over what is there twice, and the ensemble count it twice."""


def worded(text: str) -> WrapValidator:
    """One line of our own, in place of pydantic's line for every member of a union."""

    def check(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(text) from None

    return WrapValidator(check)
