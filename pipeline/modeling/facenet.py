"""FaceNet: facenet-pytorch's Inception-ResNet-v1, whose published weights recognise faces, as a backbone."""

from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from torch import nn

GREY, SPREAD = 127.5 / 255, 128 / 255  # of the images that the published weights were trained on


class FaceNet(InceptionResnetV1):  # type: ignore[misc]  # it has no types
    """Images (n, 3, height, width) to features (n, 512); the published weights were trained on 160 x 160 pixels.

    Schroff et al., FaceNet: A Unified Embedding for Face Recognition and Clustering, 2015,
    https://arxiv.org/abs/1503.03832. Features are not scaled to length 1 as there: heads may need their length.
    """

    def __init__(self, pretrained: str | None, dropout_prob: float = 0) -> None:
        """Create the network.

        Args:
            pretrained: Data set of the published weights, which are downloaded: `vggface2` or `casia-webface`.
            dropout_prob: Probability with which a training step drops a value before the last layer.
        """
        super().__init__(pretrained=pretrained, dropout_prob=dropout_prob)
        self.classify, self.logits = True, nn.Identity()  # its classes are the people of the data set
        self.pretrained_cfg = {"mean": (GREY,) * 3, "std": (SPREAD,) * 3, "classifier": "logits"}
