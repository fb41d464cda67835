"""Models: networks, their training and inference, with torch, timm and albumentations."""
