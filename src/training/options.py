"""From the flags of train.py to configurations, and back."""

import argparse
import os
import shlex
from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.errors import InputError
from src.network import checkpoint
from src.network.stored import check_framing, differences, read_config
from src.parser import Parser
from src.training.flags import MODEL, TRAINING, build_parser
from src.training.recipes import RECIPES

# Flags whose names differ from their configuration's field, because earlier systems named them so.
_FLAG_NAMES = {
    "epochs": "end_epoch",
    "batch_size": "train_batchsize",
    "learning_rate": "base_lr",
    "ema_decay": "ema",
    "criterion": "loss",
    "pip_score_weight": "pip_cls",
    "pip_offset_weight": "pip_reg",
}
_GROUPED = ("backbone", "head", "attention", "coord_conv", "widths")  # groups of channels, and their widths
# What, besides widths, decides whether a file's weights fit.
_SHAPING = ("backbone", "head", "input_size", "points", "attention", "coord_conv", "map_stride", "shape_layer",
            "pip_neighbors")  # fmt: skip
_AUGMENTATION_NAMES = {config: name for name, config in AUGMENTATIONS.items()}


def parse(arguments: list[str] | None = None) -> tuple[argparse.Namespace, dict | None]:
    """Parse flags; a recipe or a snapshot to resume sets the defaults that explicit flags override.

    Returns the flags and the loaded snapshot, if any, whose path `resume` then is.
    """
    parser = build_parser()
    first = parser.parse_args(arguments)
    snapshot = None
    if first.recipe:
        parser.set_defaults(**RECIPES[first.recipe])
    if first.resume:
        path = checkpoint.latest_snapshot(first.snapshot) if first.resume == "latest" else Path(first.resume)
        snapshot = checkpoint.load(path)
        parser.set_defaults(**_flags(snapshot, vars(first).keys()))
    flags = parser.parse_args(arguments)
    if first.resume:
        flags.resume = str(path)
    _refuse_idle(parser, flags)
    return flags, snapshot


def _refuse_idle(parser: Parser, flags: argparse.Namespace) -> None:
    """Raise InputError for a given flag that would have no effect in combination with the others."""
    if flags.minutes:
        parser.refuse(["end_epoch"], f"goes without a time budget; add --minutes 0 in place of {flags.minutes:g}")
    if not flags.start_size:
        parser.refuse(["start_share"], "goes with --start_size")
    if flags.distill == "none":
        parser.refuse(["distill_weight"], "goes with --distill")
    if flags.resume:
        parser.refuse(["recipe", "init"], "goes without --resume, which takes the snapshot's settings and weights")
    if flags.init:
        parser.refuse(["widths"], "goes without --init, whose model's widths are taken")
    if not flags.auxiliary:
        parser.refuse(["euler_branch"], "goes with --auxiliary")


def configurations(flags: argparse.Namespace, start: dict | None = None) -> tuple[ModelConfig, TrainingConfig]:
    """The flags as configurations. Raises InputError for values outside their range.

    start: the loaded file that training starts from or resumes; the widths of --init replace those of the flags.
    """
    for name in ("base_lr", "end_epoch", "train_batchsize", "val_batchsize", "keep", "processes"):
        if not getattr(flags, name) > 0:
            raise InputError(f"expected --{name} above 0, found {getattr(flags, name)}")
    if flags.train_batchsize < 2:
        raise InputError("expected --train_batchsize of at least 2: batch normalization compares faces")
    if not 0 <= flags.ema < 1:
        raise InputError(f"expected --ema in [0, 1), found {flags.ema}")
    if not (flags.pip_cls >= 0 and flags.pip_reg >= 0):
        raise InputError("expected --pip_cls and --pip_reg of at least 0")
    if flags.minutes < 0 or flags.weight_decay < 0 or any(weight < 0 for weight in flags.source_weights):
        raise InputError("expected --minutes, --weight-decay and --source_weights of at least 0")
    if flags.start_size and flags.init:
        raise InputError("--start_size is for training from scratch: with --init, set it to 0")
    model = replace(MODEL, **_given(ModelConfig, flags))
    check_framing(model)
    if start:
        stored = read_config(ModelConfig, start["model"])
        if flags.init:  # even if a recipe sets widths
            model = replace(model, widths=stored.widths)
        if stored.widths and (found := differences(stored, model, _GROUPED)):  # its widths would not fit other blocks
            remedy = describe_flags(stored, model) if flags.init else "; leave these flags out"
            raise InputError(f"--init and --resume expect the flags of the file's own network, found {found}{remedy}")
    training = replace(TRAINING, **_given(TrainingConfig, flags) | {"augmentation": AUGMENTATIONS[flags.augmentation]})
    return model, training


def describe_flags(stored: ModelConfig, model: ModelConfig) -> str:
    """What to do to get a file's network in place of another one, in words: the recipe that makes it, if there is one
    and more than one flag differs, else each flag; "" if none differs."""
    flags = []
    for name in _SHAPING:
        value = getattr(stored, name)
        if value != getattr(model, name):
            flags.append(f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}")
    recipes = []
    for name, recipe in RECIPES.items():
        made = replace(MODEL, **{flag: value for flag, value in recipe.items() if flag in _SHAPING})
        if not differences(stored, made, _SHAPING):
            recipes.append(name)
    recipes.sort(key=lambda name: tuple(RECIPES[name].get("widths", ())) != stored.widths)
    if recipes and len(flags) > 1:
        flags = [f"--recipe {recipes[0]}", *(["--start_size 0"] if RECIPES[recipes[0]].get("start_size") else [])]
    return f"; give {' '.join(flags)}" if flags else ""


def _flag_of(field: str) -> str:
    """The name of the flag that sets a configuration's field."""
    return _FLAG_NAMES.get(field, field)


def _given(config: type, flags: argparse.Namespace) -> dict[str, object]:
    """The fields of a configuration that have a flag, with the flags' values."""
    values = {field.name: vars(flags).get(_flag_of(field.name)) for field in fields(config)}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if value is not None
    }


def resume_command(flags: argparse.Namespace) -> str:
    """The command that resumes an interrupted run: a snapshot holds the run's settings, but not where its files are."""
    parser = build_parser()
    stored = {_flag_of(field.name) for config in (MODEL, TRAINING) for field in fields(config)}
    unneeded = stored | {"resume", "recipe", "init", "allow_large"}
    words = ["python3", "train.py", "--resume"]
    if flags.processes == 1 and (world := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        nodes = [f"--nnodes={world // local}"] if world > local else []
        words = ["torchrun", *nodes, f"--nproc_per_node={local}", *words[1:]]
    for name, value in vars(flags).items():
        if name not in unneeded and str(value) != str(parser.get_default(name)):
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _flags(snapshot: dict, known: Collection[str]) -> dict:
    """The values that the `known` flags had in the run that wrote a snapshot."""
    if "trainer" not in snapshot:
        raise InputError("--resume expects a snapshot (checkpoint_epoch_N.pth.tar), found a model file")
    if not isinstance(snapshot["trainer"], dict) or not isinstance(snapshot["trainer"].get("auxiliary"), bool):
        raise InputError("the snapshot's trainer is damaged; resume from another one")
    model, training = read_config(ModelConfig, snapshot["model"]), read_config(TrainingConfig, snapshot["training"])
    if training.augmentation not in _AUGMENTATION_NAMES:
        raise InputError("the snapshot's augmentation is none of the named ones; it is from another version")
    model = replace(model, auxiliary=snapshot["trainer"]["auxiliary"])  # a model file's entries leave the branch out
    found = {_flag_of(name): value for config in (model, training) for name, value in vars(config).items()}
    found["augmentation"] = _AUGMENTATION_NAMES[training.augmentation]
    found["allow_large"] = True  # the run that left the snapshot was allowed
    return {name: value for name, value in found.items() if name in known}
