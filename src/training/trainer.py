"""The state of a training run and its single step: loss, gradient, optimizer, schedule, averaged weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from src.augmentation import augment
from src.config import ModelConfig, TrainingConfig
from src.errors import InputError
from src.network.checkpoint import model_content
from src.network.heads import HEADS
from src.network.losses import build_criterion
from src.network.model import LandmarkNet
from src.network.stored import differences, read_config
from src.training.averaging import AveragedNetwork
from src.training.distillation import build_companion
from src.training.loss import TrainingLoss
from src.training.world import World


class Trainer:
    """A training run between two steps: all that a snapshot must hold to continue to exactly the same weights."""

    def __init__(
        self, network: LandmarkNet, config: TrainingConfig, *, steps_per_epoch: int, device: torch.device, world: World
    ) -> None:
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.config, self.steps_per_epoch, self.device, self.world = config, steps_per_epoch, device, world
        if not 0 <= config.hold < 1 - config.warmup:
            raise InputError(f"expected hold from 0 to below {1 - config.warmup:g}, found {config.hold}")
        if config.amp != "off" and device.type == "cpu":
            raise InputError(f"expected amp off on a CPU, found {config.amp}; mixed precision is for CUDA")
        if config.start_size:
            _check_start(config, network.config)
        criterion = build_criterion(config.criterion, network.head.criteria)
        self.companion = build_companion(self.network, config, criterion)
        self.loss = TrainingLoss(self.network, criterion, self.companion, euler_branch=config.euler_branch)
        self.loss = self.loss.to(device, memory_format=torch.channels_last)
        self.learned = [p for p in self.loss.parameters() if p.requires_grad]
        if world.size > 1:
            devices = [device] if device.type == "cuda" else None
            self.loss = DistributedDataParallel(self.loss, device_ids=devices)
        self.optimizer = _build_optimizer(self.learned, config)
        self.averaged = AveragedNetwork(self.network, decay=config.ema_decay)
        self.scaler = torch.amp.GradScaler(enabled=config.amp == "fp16")
        self.generator = torch.Generator(device)
        self.step_count = 0
        self.seconds = 0.0

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return self.step_count // self.steps_per_epoch

    @property
    def best_weights(self) -> LandmarkNet:
        """The network to validate and save: the averaged one, unless averaging is off."""
        return self.averaged.module if self.config.ema_decay > 0 else self.network

    def enter_training_mode(self) -> None:
        """Put the layers that learn into training mode; frozen ones keep their statistics."""
        self.network.train()
        for module in self.network.modules():
            parameters = list(module.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                module.eval()

    def progress(self) -> float:
        """Completed share of the run, by the clock if there is a time budget."""
        if self.config.minutes > 0:
            return self.seconds / (60 * self.config.minutes)
        return self.step_count / (self.config.epochs * self.steps_per_epoch)

    def step(
        self, squares: Tensor, points_unit: Tensor, euler: Tensor, *, progress: float
    ) -> tuple[float, float, float]:
        """One optimizer step. Returns the loss, the mean point distance in percent of the input, the learning rate.

        squares: (B, S, S, 3) uint8. points_unit: (B, K, 2). euler: (B, 3) degrees. progress: 0 to 1, of the run.
        Raises InputError if the loss is not finite; the weights are then those after the previous step.
        """
        self._seed_generator()
        model = self.network.config
        # Progressive resizing (Tan and Le, EfficientNetV2, 2021): early steps learn as much from fewer pixels.
        small = self.config.start_size and progress < self.config.start_share
        images, points_input, degrees = augment(
            squares,
            points_unit,
            euler,
            crop=model.crop,
            second_look=model.second_look,
            size=self.config.start_size if small else model.input_size,
            config=self.config.augmentation,
            generator=self.generator,
        )
        images = images.contiguous(memory_format=torch.channels_last)
        rate = learning_rate(progress, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.config.amp)
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            loss, distance = self.loss(images, points_input, torch.deg2rad(degrees))
        value = loss.item()
        if not math.isfinite(value):
            raise InputError(
                f"the loss became {value} at step {self.step_count + 1} (learning rate {rate:.2g}); "
                "lower base_lr and resume from the last snapshot"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.learned, self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.config.ema_decay > 0:
            self.averaged.update()
        self.step_count += 1
        return value, 100 * distance.item(), rate

    def state(self, *, nme: float) -> dict:
        """A snapshot's content: a model file's entries and all that is needed to continue. nme: percent."""
        content = model_content(self.best_weights, nme=nme, training=self.config)
        content["trainer"] = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "auxiliary": self.network.config.auxiliary,
            "step_count": self.step_count,
            "seconds": self.seconds,
        }
        if self.companion is not None:
            content["trainer"]["companion"] = self.companion.state_dict()
        return content

    def restore(self, content: dict) -> None:
        """Continue from a snapshot's state. Raises InputError if it belongs to another network."""
        state = content.get("trainer")
        if state is None:
            raise InputError("expected a snapshot (checkpoint/snapshot/checkpoint_epoch_N.pth.tar), found a model file")
        stored = read_config(ModelConfig, content.get("model"))
        names = [name for name in vars(stored) if name != "auxiliary"]  # a model file's entries leave it out
        if found := differences(stored, self.network.config, names):  # also in what no weight depends on, as the crop
            raise InputError(f"the snapshot belongs to another network; give its own settings ({found})")
        try:
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            own = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict(state["optimizer"])
            _check_moments(self.optimizer)
            for group, settings in zip(self.optimizer.param_groups, own, strict=True):  # the flags', as everywhere
                group |= {name: value for name, value in settings.items() if name != "params"}
            if self.companion is not None:
                self.companion.load_state_dict(state["companion"])
            self.scaler.load_state_dict(state["scaler"])
            self.step_count, self.seconds = int(state["step_count"]), float(state["seconds"])
            if not (0 <= self.step_count < 2**63 and 0 <= self.seconds < math.inf):
                raise ValueError(f"{self.step_count} steps in {self.seconds} seconds")
        except (AttributeError, LookupError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).split("\n")[-1].strip()
            raise InputError(f"the snapshot belongs to another network; give its own settings ({reason})") from None

    def _seed_generator(self) -> None:
        """Each step's random numbers depend only on seed, step and rank, so a snapshot need not hold them."""
        step_of_all = self.step_count * self.world.size + self.world.rank
        self.generator.manual_seed((self.config.seed * 1_000_003 + step_of_all) % 2**63)


def _check_moments(optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError for moments of another shape than their parameter's: PyTorch would write beyond their memory."""
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            shape = torch.Size() if name == "step" else parameter.shape
            if isinstance(value, torch.Tensor) and value.shape != shape:
                raise ValueError(f"{name} of shape {tuple(value.shape)} in place of {tuple(shape)}")


def learning_rate(progress: float, config: TrainingConfig) -> float:
    """Linear warm-up, the peak for `hold`, then a cosine down to `final_learning_rate` of it. progress in [0, 1]."""
    if progress < config.warmup:
        return config.learning_rate * max(progress / config.warmup, 0.01)
    start = config.warmup + config.hold
    share = min(max(progress - start, 0.0) / (1 - start), 1.0)
    low = config.final_learning_rate
    return config.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share)))


def _check_start(config: TrainingConfig, model: ModelConfig) -> None:
    """Raise InputError if training cannot begin with inputs of `start_size`."""
    if not HEADS[model.head].any_size:
        able = ", ".join(name for name, head in HEADS.items() if head.any_size)
        raise InputError(f"start_size expects a head that reads any size ({able}), found {model.head}")
    if config.distill != "none":
        raise InputError("start_size is for training on labels alone: with distill, set it to 0")
    if not 32 <= config.start_size < model.input_size or config.start_size % 4:
        raise InputError(
            f"expected start_size 0, or a multiple of 4 from 32 to below {model.input_size}, found {config.start_size}"
        )
    if not 0 < config.start_share < 1:
        raise InputError(f"expected start_share between 0 and 1, found {config.start_share}")


def _build_optimizer(parameters: list[nn.Parameter], config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; biases and normalization weights are not decayed."""
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
