"""Runs the Python of docs/export.md and compares every encoder that it exports with torch.

    pip install torch torchvision onnx onnxruntime && python scripts/check-export.py [folder for the files]

LeRobot and robomimic are not needed: policies of the same structure (attribute names, layers and widths of the encoder,
random weights) take their place under their import names. Each file is run by `inspect encoder`, which is the page's own
runtime, on x[k] = sin(k) and for two batch sizes. A difference above 1e-4 of the largest value fails.
"""

import json
import math
import re
import subprocess
import sys
import tempfile
import types
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
import torchvision
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops.misc import FrozenBatchNorm2d

ROOT = Path(__file__).resolve().parent.parent
BATCHES = (2, 3)
TOLERANCE = 1e-4


class Named:
    """Plain attributes, as a config has them."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


# ── LeRobot ─────────────────────────────────────────────────────────────────


class ActLayer(nn.Module):
    """Post-norm transformer layer; with `memory` it also attends to the encoder's tokens. (tokens, B, dim)"""

    def __init__(self, dim, cross):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(dim, 8)
        self.cross_attn = nn.MultiheadAttention(dim, 8) if cross else None
        self.linear1, self.linear2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))

    def forward(self, x, pos, memory=None):
        x = self.norm1(x + self.self_attn(x + pos, x + pos, value=x)[0])
        if self.cross_attn is not None:
            x = self.norm3(x + self.cross_attn(x + pos, memory, value=memory)[0])
        return self.norm2(x + self.linear2(torch.relu(self.linear1(x))))


class ActEncoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.layers = nn.ModuleList(ActLayer(dim, cross=False) for _ in range(4))

    def forward(self, x, pos_embed):
        for layer in self.layers:
            x = layer(x, pos_embed)
        return x


class SinusoidalPosition2d(nn.Module):
    """Positions of a feature map's pixels as sines, by cumulative sums over its shape. (1, 2·dim, h, w)"""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        ones = torch.ones_like(x[0, :1])
        steps = [ones.cumsum(axis, dtype=torch.float32) for axis in (1, 2)]
        wavelength = 10000 ** (2 * (torch.arange(self.dim) // 2) / self.dim)
        parts = []
        for step, axis in zip(steps, (1, 2)):
            angle = (step / (step.select(axis, -1).unsqueeze(axis) + 1e-6) * 2 * math.pi).unsqueeze(-1) / wavelength
            parts.append(torch.stack((angle[..., 0::2].sin(), angle[..., 1::2].cos()), dim=-1).flatten(3))
        return torch.cat(parts, dim=3).permute(0, 3, 1, 2)


class Act(nn.Module):
    """ResNet-18 with frozen norms, 1×1 projection and transformer encoder as ACT has them; one decoder layer."""

    def __init__(self, config):
        super().__init__()
        self.config, dim = config, 512
        resnet = torchvision.models.resnet18(weights=None, norm_layer=FrozenBatchNorm2d)
        self.backbone = IntermediateLayerGetter(resnet, return_layers={"layer4": "feature_map"})
        self.encoder = ActEncoder(dim)
        self.decoder = ActLayer(dim, cross=True)
        self.encoder_robot_state_input_proj = nn.Linear(config.robot_state_feature.shape[0], dim)
        self.encoder_latent_input_proj = nn.Linear(32, dim)
        self.encoder_img_feat_input_proj = nn.Conv2d(resnet.fc.in_features, dim, kernel_size=1)
        self.encoder_1d_feature_pos_embed = nn.Embedding(2, dim)
        self.encoder_cam_feat_pos_embed = SinusoidalPosition2d(dim // 2)
        self.decoder_pos_embed = nn.Embedding(10, dim)
        self.action_head = nn.Linear(dim, 6)

    def forward(self, batch):
        rows = batch["observation.images"][0].shape[0]
        tokens = [self.encoder_latent_input_proj(torch.zeros([rows, 32])), self.encoder_robot_state_input_proj(batch["observation.state"])]
        places = list(self.encoder_1d_feature_pos_embed.weight.unsqueeze(1))
        for image in batch["observation.images"]:
            features = self.backbone(image)["feature_map"]
            place = self.encoder_cam_feat_pos_embed(features)
            tokens.extend(list(self.encoder_img_feat_input_proj(features).flatten(2).permute(2, 0, 1)))
            places.extend(list(place.flatten(2).permute(2, 0, 1)))
        place = torch.stack(places, axis=0)
        memory = self.encoder(torch.stack(tokens, axis=0), pos_embed=place)
        queries = torch.zeros((10, rows, 512))
        actions = self.decoder(queries, self.decoder_pos_embed.weight.unsqueeze(1), memory)
        return self.action_head(actions.transpose(0, 1)), (None, None)


class ACTPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        cameras = {f"observation.images.{name}": Named(shape=(3, 96, 96)) for name in ("top", "wrist")}
        self.config = Named(image_features=cameras, robot_state_feature=Named(shape=(6,)))
        self.model = Act(self.config)

    @classmethod
    def from_pretrained(cls, path):
        return randomised(cls())

    def encode_feature_for_ot(self, key, x):
        """As a fork's policy may define it: the tokens that the transformer gets, averaged over the image."""
        if key == "observation.state":
            return self.model.encoder_robot_state_input_proj(x)
        return self.model.encoder_img_feat_input_proj(self.model.backbone(x)["feature_map"]).mean((2, 3))


class SpatialSoftmax(nn.Module):
    """Expected (x, y) of every channel's softmax over the image. (B, C, H, W) → (B, keypoints, 2)"""

    def __init__(self, input_shape, num_kp=32):
        super().__init__()
        channels, self.height, self.width = input_shape
        self.keypoints = num_kp
        self.nets = nn.Conv2d(channels, num_kp, kernel_size=1)
        y, x = torch.meshgrid(torch.linspace(-1, 1, self.height), torch.linspace(-1, 1, self.width), indexing="ij")
        self.register_buffer("pos_grid", torch.stack([x.flatten(), y.flatten()], dim=1))
        self.register_buffer("temperature", torch.ones(1))

    def forward(self, features):
        features = self.nets(features).reshape(-1, self.height * self.width)
        attention = torch.softmax(features / self.temperature, dim=-1)
        return (attention @ self.pos_grid).view(-1, self.keypoints, 2)


class DiffusionRgbEncoder(nn.Module):
    """Crop, ResNet-18 with group norms, spatial softmax, linear and ReLU. (B, 3, 96, 96) → (B, 64)"""

    def __init__(self, config):
        super().__init__()
        self.center_crop = torchvision.transforms.CenterCrop(config.crop_shape)
        self.maybe_random_crop = torchvision.transforms.RandomCrop(config.crop_shape)
        self.backbone = with_group_norm(nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-2]))
        with torch.no_grad():
            shape = self.backbone(torch.zeros(1, 3, *config.crop_shape)).shape[1:]
        self.pool = SpatialSoftmax(shape)
        self.out = nn.Linear(64, 64)

    def forward(self, x):
        x = self.maybe_random_crop(x) if self.training else self.center_crop(x)
        return torch.relu(self.out(torch.flatten(self.pool(self.backbone(x)), start_dim=1)))


class DiffusionPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.config = Named(image_features={"observation.image": Named(shape=(3, 96, 96))}, crop_shape=(84, 84))
        self.diffusion = nn.Module()
        self.diffusion.rgb_encoder = DiffusionRgbEncoder(self.config)

    @classmethod
    def from_pretrained(cls, path):
        return randomised(cls())


# ── robomimic ───────────────────────────────────────────────────────────────


class CropRandomizer(nn.Module):
    """In eval mode a centre crop through the last-channel layout, with offsets from the input's own shape."""

    def forward_in(self, x):
        x = x.permute(0, 2, 3, 1)
        top, left = (int((x.shape[axis] - 76) / 2) for axis in (-3, -2))
        return x[..., top : top + 76, left : left + 76, :].permute(0, 3, 1, 2)

    def forward_out(self, x):
        return x


class ResNet18Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.nets = nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-2])

    def output_shape(self, input_shape):
        return [512, int(math.ceil(input_shape[1] / 32.0)), int(math.ceil(input_shape[2] / 32.0))]

    def forward(self, inputs):
        x = self.nets(inputs)
        if list(self.output_shape(list(inputs.shape)[1:])) != list(x.shape)[1:]:
            raise ValueError("Size mismatch")
        return x


class VisualCore(nn.Module):
    """ResNet-18 → spatial softmax → flatten → linear. (B, 3, 76, 76) → (B, 64)"""

    def __init__(self, input_shape):
        super().__init__()
        self.input_shape = input_shape
        backbone = ResNet18Conv()
        pool = SpatialSoftmax(backbone.output_shape(input_shape))
        self.nets = nn.Sequential(backbone, pool, nn.Flatten(), nn.Linear(64, 64))

    def forward(self, inputs):
        assert tuple(inputs.shape)[-3:] == tuple(self.input_shape)
        return self.nets(inputs)


class ObservationEncoder(nn.Module):
    """Every key by its own net, in the order of obs_shapes, concatenated."""

    def __init__(self):
        super().__init__()
        self.obs_shapes = OrderedDict(agentview_image=[3, 84, 84], robot0_eef_pos=[3], robot0_eef_quat=[4], robot0_gripper_qpos=[2])
        self.net, self.randomizer = VisualCore([3, 76, 76]), CropRandomizer()

    def forward(self, obs_dict):
        features = []
        for key in self.obs_shapes:
            x = obs_dict[key]
            if key == "agentview_image":
                x = self.randomizer.forward_out(torch.relu(self.net(self.randomizer.forward_in(x))))
            features.append(torch.flatten(x, start_dim=1))
        return torch.cat(features, dim=-1)


def module(**nets):
    """A module with `.nets`, as robomimic's group encoder and its networks are."""
    found = nn.Module()
    found.nets = nn.ModuleDict(nets)
    return found


def policy_from_checkpoint(ckpt_path, device):
    """The diffusion policy (group norms) or, for a path with "bc" in it, BC (batch norms and an MLP)."""
    if "bc" in ckpt_path:
        mlp = nn.Sequential(nn.Linear(64 + 9, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU())
        policy = module(encoder=module(obs=ObservationEncoder()), mlp=mlp)
    else:
        policy = nn.ModuleDict({"obs_encoder": with_group_norm(module(obs=ObservationEncoder()))})
    return Named(policy=Named(nets=nn.ModuleDict({"policy": randomised(policy)}))), {}


# ── Both ────────────────────────────────────────────────────────────────────


def with_group_norm(root):
    """Batch norms replaced by group norms of 16 channels a group."""
    for parent in list(root.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.GroupNorm(child.num_features // 16, child.num_features))
    return root


def randomised(policy):
    """Norms as after training: fresh ones are the identity and would hide a lost factor."""
    for layer in policy.modules():
        if isinstance(layer, (FrozenBatchNorm2d, nn.BatchNorm2d, nn.GroupNorm)):
            layer.weight.data.uniform_(0.5, 1.0)
            layer.bias.data.normal_(0, 0.1)
        if isinstance(layer, (FrozenBatchNorm2d, nn.BatchNorm2d)):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return policy


def stand_in(name, **fields):
    """Put a module under an import name, with empty packages above it."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        sys.modules[".".join(parts[:depth])] = types.ModuleType(parts[depth - 1])
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(fields)
    for depth in range(1, len(parts)):
        setattr(sys.modules[".".join(parts[:depth])], parts[depth], sys.modules[".".join(parts[: depth + 1])])


def run_in_page_runtime(path, feeds):
    shapes = [word for key, x in feeds.items() for word in ("--shape", f"{key}={','.join(map(str, x.shape))}")]
    done = subprocess.run(["npx", "tsx", "scripts/inspect.ts", "encoder", str(path), "--run", *shapes], cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout.splitlines()[-1])


def compare_in_page_runtime(model, inputs, path):
    """Prints a row of the document's table for every output and answers whether all agree."""
    fine = True
    for rows in BATCHES:
        feeds = {key: torch.sin(torch.arange(rows * x[0].numel(), dtype=torch.float64)).float().reshape(rows, *x.shape[1:]) for key, x in inputs.items()}
        with torch.no_grad():
            wanted = model(*feeds.values())
        report = run_in_page_runtime(path, feeds)
        for (name, output), value in zip(report["run"].items(), wanted if isinstance(wanted, tuple) else (wanted,)):
            got = torch.tensor(output["values"]).reshape(output["shape"])
            largest, difference = value.abs().max().item(), (got - value).abs().max().item()
            fine &= got.shape == value.shape and difference <= TOLERANCE * largest
            print(f"| `{path.name}` | `{name}` {tuple(value.shape)} | {path.stat().st_size / 2**20:.1f} MB | {largest:.2g} | {difference:.1e} |", flush=True)
    print(f"  {path.name}: {', '.join(f'{op} {count}' for op, count in report['ops'].items())}", flush=True)
    return fine


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="ot-export-")).resolve()
    stand_in("lerobot.policies.act.modeling_act", ACTPolicy=ACTPolicy)
    stand_in("lerobot.policies.diffusion.modeling_diffusion", DiffusionPolicy=DiffusionPolicy)
    stand_in("robomimic.utils.file_utils", policy_from_checkpoint=policy_from_checkpoint)
    torch.manual_seed(0)
    # Legacy tracing warns of every shape that it takes as fixed; what matters of it is compared below.
    warnings.filterwarnings("ignore")
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/export.md").read_text(), re.DOTALL | re.MULTILINE)
    exported = []
    names = {}
    exec(blocks[0], names)
    export_encoder = names["export_encoder"]

    def recorded(model, inputs, path, *rest):
        export_encoder(model, inputs, str(folder / path), *rest)
        exported.append((model, inputs, folder / path))

    names["export_encoder"] = recorded
    names["compare"] = lambda model, inputs, path, original=names["compare"]: original(model, inputs, str(folder / path))
    for block in blocks[1:]:
        exec(block, names)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}; files in {folder}")
    print("| file | output | size | largest value | largest difference |\n|---|---|---|---|---|")
    agree = [compare_in_page_runtime(*encoder) for encoder in exported]
    sys.exit(0 if agree and all(agree) else 1)


if __name__ == "__main__":
    main()
