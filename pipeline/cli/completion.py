"""`completion`: completion of commands and options by the shell."""

from typing import Annotated, Literal

import typer

VARIABLE = "_PIPELINE_COMPLETE"
SCRIPTS = {
    "bash": f"""pipeline() {{ python -m pipeline "$@"; }}
_pipeline() {{
  COMPREPLY=($(COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD {VARIABLE}=complete_bash python -m pipeline))
}}
complete -o default -F _pipeline pipeline
""",
    "zsh": f"""pipeline() {{ python -m pipeline "$@" }}
_pipeline() {{
  eval $(_TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" {VARIABLE}=complete_zsh python -m pipeline)
}}
compdef _pipeline pipeline
""",
}


def completion(shell: Annotated[Literal["bash", "zsh"], typer.Argument(help="The shell.")]) -> None:
    """Print a script that defines `pipeline`, short for `python -m pipeline`, with Tab completion.

    Example: eval "$(python -m pipeline completion bash)"
    """
    print(SCRIPTS[shell], end="")
