"""Photos that a generator made, by the marks that generators leave in a file."""

MARKS: dict[bytes, str] = {
    b"rainedAlgorithmicMedia": "IPTC's source type for generated media",
    b"tEXtparameters\0": "parameters of Stable Diffusion",
    b"iTXtparameters\0": "parameters of Stable Diffusion",
    b"tEXtprompt\0": "a prompt of ComfyUI",
    b"tEXtworkflow\0": "a workflow of ComfyUI",
    b"invokeai_metadata": "metadata of InvokeAI",
    b"Stable Diffusion": "the name of Stable Diffusion",
    b"Midjourney": "the name of Midjourney",
    b"Adobe Firefly": "the name of Adobe Firefly",
    b"NovelAI": "the name of NovelAI",
}
"""Bytes of metadata, and what they are: https://cv.iptc.org/newscodes/digitalsourcetype/ and the generators' own."""


def mark(data: bytes) -> str | None:
    """Return which mark of a generator a photo's bytes have; None is no proof that it is not generated."""
    return next((name for sign, name in MARKS.items() if sign in data), None)
