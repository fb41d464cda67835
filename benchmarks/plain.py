"""The reference for training: PIL, albumentations, normalised floats, default collate, `loss.item()` at every step."""

from collections.abc import Iterable
from pathlib import Path

import albumentations as A
import numpy as np
import timm
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Photos(Dataset[tuple[Tensor, int]]):
    """Original photos, decoded, resized, flipped and normalised one by one."""

    def __init__(self, paths: list[Path], size: int) -> None:
        self._paths = paths
        self._transform = A.Compose([A.Resize(size, size), A.HorizontalFlip(p=0.5), A.Normalize(), ToTensorV2()])

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self._transform(image=np.array(Image.open(self._paths[row]).convert("RGB")))["image"], row % 3


def loader(paths: list[Path], size: int, batch_size: int) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(Photos(paths, size), batch_size, shuffle=True)


class Plain:
    """A plain PyTorch loop of a backbone with three classes."""

    def __init__(self, backbone: str) -> None:
        self._model = timm.create_model(backbone, num_classes=3)
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-3, weight_decay=0.05)
        self._loss = nn.CrossEntropyLoss()

    def epoch(self, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, int]:
        """Mean loss and number of correct predictions."""
        self._model.train()
        total, right = 0.0, 0
        for photos, labels in batches:
            self._optimizer.zero_grad()
            outputs = self._model(photos)
            loss = self._loss(outputs, labels)
            loss.backward()
            self._optimizer.step()
            total += loss.item()
            right += (outputs.argmax(1) == labels).sum().item()
        return total, int(right)
