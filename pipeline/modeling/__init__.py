"""What looks at pixels: the only place of torch, timm, facenet-pytorch and albumentations."""
