"""Every family of timm's models works as a backbone: one small member of each, on small images."""

import json
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import timm
import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from safetensors.torch import save_file

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.optimization import Optimizer
from pipeline.modeling.network import Network
from pipeline.modeling.parameter_groups import by_layer

SMALLEST = {  # by number of weights, of each of timm's modules
    "beit": "beit_base_patch16_224",
    "byoanet": "halonet_h1",
    "byobnet": "test_byobnet",
    "cait": "cait_xxs24_224",
    "coat": "coat_tiny",
    "convit": "convit_tiny",
    "convmixer": "convmixer_768_32",
    "convnext": "test_convnext",
    "cpubone": "cpubone_nano",
    "crossvit": "crossvit_tiny_240",
    "csatv2": "csatv2",
    "cspnet": "cs3darknet_focus_s",
    "cspnext": "cspnext_tiny",
    "davit": "davit_tiny",
    "deepseek_vit": "deepseek_vit_412m",
    "deit": "deit_tiny_patch16_224",
    "densenet": "densenet121",
    "dla": "dla46x_c",
    "dpn": "dpn48b",
    "edgenext": "edgenext_xx_small",
    "efficientformer": "efficientformer_l1",
    "efficientformer_v2": "efficientformerv2_s0",
    "efficientnet": "test_efficientnet",
    "efficientvim": "efficientvim_m1",
    "efficientvit_mit": "efficientvit_b0",
    "efficientvit_msra": "efficientvit_m0",
    "eva": "vit_tiny_patch16_dinov3_qkvb",
    "fasternet": "fasternet_t0",
    "fastvit": "fastvit_t8",
    "focalnet": "focalnet_tiny_srf",
    "gcvit": "gcvit_xxtiny",
    "gemma4_vit": "gemma4_vit_167m",
    "ghostnet": "ghostnet_050",
    "hardcorenas": "hardcorenas_b",
    "hgnet": "hgnetv2_b0",
    "hiera": "hiera_tiny_224",
    "hieradet_sam2": "sam2_hiera_tiny",
    "hrnet": "hrnet_w18_small",
    "iformer": "iformer_t",
    "inception_next": "inception_next_atto",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "lcnetv2": "lcnetv2_small",
    "levit": "levit_128s",
    "lowformer": "lowformer_b0",
    "mambaout": "test_mambaout",
    "maxxvit": "test_coatnet",
    "metaformer": "poolformerv2_s12",
    "mlp_mixer": "gmlp_ti16_224",
    "mobilenetv3": "lcnet_035",
    "mobilenetv5": "mobilenetv5_base",
    "mobilevit": "mobilevit_xxs",
    "mvitv2": "mvitv2_tiny",
    "naflexvit": "naflexvit_base_patch16_parfac_gap",
    "nasnet": "nasnetalarge",
    "nest": "nest_tiny",
    "nextvit": "nextvit_small",
    "nfnet": "test_nfnet",
    "pit": "pit_ti_224",
    "pnasnet": "pnasnet5large",
    "pvt_v2": "pvt_v2_b0",
    "qwen3_vit": "qwen3_vit_88m",
    "rdnet": "rdnet_tiny",
    "regnet": "regnetx_002",
    "repghost": "repghostnet_050",
    "repvit": "repvit_m1",
    "res2net": "res2next50",
    "resnest": "resnest14d",
    "resnet": "test_resnet",
    "resnetv2": "resnetv2_18",
    "rexnet": "rexnet_100",
    "selecsls": "selecsls42",
    "senet": "legacy_seresnet18",
    "sequencer": "sequencer2d_s",
    "shvit": "shvit_s1",
    "sknet": "skresnet18",
    "starnet": "starnet_s050",
    "swiftformer": "swiftformer_xs",
    "swin_transformer": "swin_tiny_patch4_window7_224",
    "swin_transformer_v2": "swinv2_tiny_window16_256",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224",
    "tiny_vit": "tiny_vit_5m_224",
    "tnt": "tnt_s_legacy_patch16_224",
    "tresnet": "tresnet_m",
    "twins": "twins_svt_small",
    "vgg": "vgg11",
    "visformer": "visformer_tiny",
    "vision_transformer": "test_vit",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224",
    "vision_transformer_relpos": "test_vit_relpos",
    "vision_transformer_sam": "samvit_base_patch16_224",
    "vitamin": "vitamin_small_224",
    "volo": "volo_d1_224",
    "vovnet": "ese_vovnet19b_slim_dw",
    "xception": "legacy_xception",
    "xception_aligned": "xception41p",
    "xcit": "xcit_nano_12_p8_224",
}
BESIDE = [  # heads wider than `num_features`, and sizes fixed at creation, that the smallest members do not have
    "mobilenetv3_small_050",
    "mobilenetv4_conv_small_035",
    "vit_small_patch14_dinov2",
    "eva02_tiny_patch14_224",
]
SIZES = {  # others take 64
    "halonet_h1": 256,
    "crossvit_tiny_240": 240,
    "efficientformer_l1": 224,
    "inception_resnet_v2": 96,
    "inception_v3": 96,
    "inception_v4": 96,
    "deepseek_vit_412m": 70,
    "vit_small_patch14_dinov2": 70,
    "eva02_tiny_patch14_224": 70,
}
ONE_BLOCK = [  # instead of twelve or more
    "beit_base_patch16_224",
    "deepseek_vit_412m",
    "gemma4_vit_167m",
    "naflexvit_base_patch16_parfac_gap",
    "qwen3_vit_88m",
    "samvit_base_patch16_224",
    "vit_small_patch14_dinov2",
]
CONFIG = {"pretrained": False, "heads": {"mask": {}}, "epochs": 1, "optimizer": {"learning_rate": 1e-3}}


def make(name: str, **settings: Any) -> ModelConfig:
    return ModelConfig.model_validate(CONFIG | {"backbone": name, "image_size": SIZES.get(name, 64)} | settings)


def test_every_module_of_timm_has_its_smallest_member_here() -> None:
    assert sorted(SMALLEST) == sorted(timm.list_modules())


@pytest.mark.filterwarnings("ignore")  # timm's own
@pytest.mark.parametrize("name", [*SMALLEST.values(), *BESIDE])
def test_a_member_of_every_family_of_timm_carries_heads(name: str) -> None:
    heads = {"mask": {}, "age": {"kind": "regression"}}
    config = make(name, heads=heads, backbone_args={"depth": 1} if name in ONE_BLOCK else {})
    images = torch.zeros(2, *config.input_shape, 3, dtype=torch.uint8)
    with torch.no_grad():
        outputs = Network(config).eval()(images)
    assert {head: output.shape for head, output in outputs.items()} == {"mask": (2, 3), "age": (2,)}


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("mobilenetv3_small_050", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("test_vit", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("eva02_tiny_patch14_224", (0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)),
    ],
)
def test_images_are_normalised_as_the_published_weights_want_it(
    name: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    network = Network(make(name))
    torch.testing.assert_close(network.mean.flatten() / 255, torch.tensor(mean), atol=1e-4, rtol=0)
    torch.testing.assert_close(network.std.flatten() / 255, torch.tensor(std), atol=1e-4, rtol=0)


def test_backbone_args_reach_timm() -> None:
    blocks = [len(Network(make("test_vit", backbone_args=given)).backbone.blocks) for given in ({}, {"depth": 2})]
    assert blocks == [6, 2]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("test_vit", {"image_size": 60}, "'test_vit' does not work with image_size 60: .*it was published for 160"),
        ("efficientformer_l1", {"image_size": 96}, "'efficientformer_l1' does not work with image_size 96: .* for 224"),
        ("test_resnet", {"backbone_args": {"drop_paht": 0.1}}, r"and backbone_args {'drop_paht': 0.1}: .*'drop_paht'"),
        ("test_resnet", {"backbone_args": {"global_pool": ""}}, r"gives features of shape \(96, 2, 2\) and not a vec"),
        ("test_resnet", {"backbone_args": {"num_classes": 5}}, "backbone 'test_resnet': .*'num_classes'"),
        ("test_resnet.a1", {}, r"'test_resnet\.a1'.*a1"),
        ("hub:someone/model", {}, "backbone 'hub:someone/model': Unknown model source 'hub'"),
        ("someone/model", {}, "backbone 'someone/model': .*Use 'hf-hub:someone/model'"),
    ],
)
def test_what_a_backbone_does_not_take_is_named(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Network(make(name, **settings))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])  # of any size, and of a size fixed at creation
def test_images_need_not_be_square(name: str) -> None:
    network = Network(make(name, image_size=[96, 64])).eval()
    with torch.no_grad():
        outputs = network(torch.zeros(2, 96, 64, 3))
    assert {len(output) for output in outputs.values()} == {2}


def test_a_model_of_the_hub_brings_its_architecture_its_size_and_its_weights(hub: Path) -> None:
    published = timm.create_model("test_vit", num_classes=7, img_size=96)
    snapshot = hub / "models--someone--faces" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (hub / "models--someone--faces" / "refs").mkdir()
    (hub / "models--someone--faces" / "refs" / "main").write_text("1")
    save_file(
        {name: tensor.contiguous() for name, tensor in published.state_dict().items()}, snapshot / "model.safetensors"
    )
    pretrained = {"input_size": [3, 96, 96], "fixed_input_size": True, "mean": [0.1] * 3, "std": [0.2] * 3}
    pretrained |= {"num_classes": 7, "classifier": "head", "first_conv": "patch_embed.proj"}
    (snapshot / "config.json").write_text(
        json.dumps({"architecture": "test_vit", "num_classes": 7, "pretrained_cfg": pretrained})
    )
    network = Network(make("hf_hub:someone/faces", image_size=96, pretrained=True), pretrained=True)
    assert torch.equal(network.backbone.patch_embed.proj.weight, published.patch_embed.proj.weight)
    assert network.mean.flatten()[0] == pytest.approx(25.5)


def test_a_model_that_the_hub_does_not_have_is_named(hub: Path) -> None:
    with pytest.raises(InputError, match="'hf_hub:someone/faces': its configuration cannot be read"):
        Network(make("hf_hub:someone/faces"))


@pytest.mark.parametrize(("name", "people"), [("vggface2", 8631), ("casia_webface", 10575)])
def test_facenet_is_loaded_from_a_file_without_its_classifier(tmp_path: Path, name: str, people: int) -> None:
    torch.manual_seed(1)
    published = InceptionResnetV1(classify=True, num_classes=people).eval()
    torch.save(published.state_dict(), tmp_path / "faces.pt")
    settings = {"image_size": 80, "pretrained": True, "weights": tmp_path / "faces.pt"}
    network = Network(make(f"inception_resnet_v1.{name}", **settings), pretrained=True).eval()
    images = torch.randint(256, (2, 80, 80, 3), dtype=torch.uint8)
    published.classify = False  # an embedding of length 1, in place of the classes
    with torch.no_grad():
        expected = published((images.permute(0, 3, 1, 2) - 127.5) / 128)
        features = network.backbone((images.permute(0, 3, 1, 2) - network.mean) / network.std)
    torch.testing.assert_close(torch.nn.functional.normalize(features), expected)
    assert network.heads["mask"].in_features == 512


def test_facenet_that_cannot_be_downloaded_is_named_with_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(url: str, *_: object) -> None:
        asked.append(url)
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("facenet_pytorch.models.inception_resnet_v1.download_url_to_file", refuse)
    message = r"'inception_resnet_v1\.vggface2' cannot be downloaded.*no network.*`weights:`.*`pretrained: false`"
    with pytest.raises(InputError, match=message):
        Network(make("inception_resnet_v1.vggface2", image_size=80, pretrained=True), pretrained=True)
    assert len(asked) == 1
    assert asked[0].endswith("-vggface2.pt")


def test_facenet_has_layers_but_no_drop_path() -> None:
    network = Network(make("inception_resnet_v1.vggface2", image_size=80))
    groups = by_layer(network, Optimizer(learning_rate=1, layer_decay=0.9))
    assert len({group["lr_scale"] for group in groups}) > 10
    with pytest.raises(InputError, match=r"does not work with image_size 80 and drop_path 0\.1: .*drop_path_rate"):
        Network(make("inception_resnet_v1.vggface2", image_size=80, drop_path=0.1))


def test_a_name_that_is_nearly_facenets_is_offered_it() -> None:
    with pytest.raises(InputError, match=r"did you mean .*'inception_resnet_v1\.vggface2'"):
        Network(make("inception_resnet_v1"))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": Path}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"weights\.pt: not weights of 'test_resnet'"):
        Network(make("test_resnet", pretrained=True, weights=tmp_path / "weights.pt"), pretrained=True)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face Hub, which cannot be reached itself."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path
