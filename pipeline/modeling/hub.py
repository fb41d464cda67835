"""Published weights on this machine: whether a backbone's were downloaded before."""

import timm
from huggingface_hub import try_to_load_from_cache

PREFIX = "hf_hub:"
FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")


def is_downloaded(backbone: str) -> bool:
    """Whether the hub's cache has weights of a backbone; True for a name without a repository, which needs none."""
    if backbone.startswith(PREFIX):
        repository = backbone.removeprefix(PREFIX)
    else:
        published = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
        repository = (published.hf_hub_id or "") if published else ""
    return not repository or any(isinstance(try_to_load_from_cache(repository, file), str) for file in FILES)
