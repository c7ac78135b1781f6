"""The flags of train.py."""

import argparse
from pathlib import Path

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.markup import POINT_SETS
from src.network.backbones import BACKBONES
from src.network.heads import HEADS
from src.network.heads.attention import ATTENTIONS
from src.network.losses import CRITERIA, MAP_CRITERIA
from src.parser import Parser, add_device, add_workers, at_least
from src.training.distillation import DISTILLATIONS
from src.training.loss import EULER_BRANCH_USES
from src.training.recipes import RECIPES

MODEL, TRAINING = ModelConfig(), TrainingConfig()


def build_parser() -> Parser:
    """A parser of train.py's flags, with their defaults."""
    parser = Parser(description="Train a landmark network on prepared faces.")
    parser.add_argument("--recipe", choices=RECIPES, help="a complete set of flags by name; other flags override it")
    data = parser.add_argument_group("data")
    data.add_argument("--dataroot", type=Path, default="data/AFLW_train_data", help="prepared training faces")
    data.add_argument("--val_dataroot", type=Path, default="data/AFLW_validation_data", help="the same for validation")
    data.add_argument("--source_weights", type=float, nargs="+", default=[], help="share of each training source")
    model = parser.add_argument_group("model")
    model.add_argument("--backbone", choices=BACKBONES, default=MODEL.backbone, help="what makes feature maps")
    model.add_argument("--head", choices=HEADS, default=MODEL.head, help="what turns them into points")
    model.add_argument("--input_size", type=int, default=MODEL.input_size, help="pixels of the network's input")
    model.add_argument(
        "--points", type=int, choices=POINT_SETS, default=MODEL.points, help="51 leaves the jaw out, 12 are the eyes"
    )
    model.add_argument(
        "--widths", type=int, nargs="+", default=[], help="channels inside blocks; with --init that model's"
    )
    model.add_argument("--init", type=Path, help="start from this model's weights (fine-tuning)")
    model.add_argument("--auxiliary", action=argparse.BooleanOptionalAction, default=True, help="Euler-angle branch")
    model.add_argument(
        "--euler_branch", choices=EULER_BRANCH_USES, default=TRAINING.euler_branch, help="what that branch is used for"
    )
    model.add_argument("--attention", choices=ATTENTIONS, default=MODEL.attention, help="in heads with a pyramid")
    model.add_argument(
        "--coord_conv", action=argparse.BooleanOptionalAction, default=False, help="CoordConv, in the same heads"
    )
    model.add_argument("--map_stride", type=int, choices=(4, 8), default=MODEL.map_stride, help="of the heatmap head")
    model.add_argument(
        "--shape_layer", action=argparse.BooleanOptionalAction, default=False, help="linear shape model, heatmap head"
    )
    model.add_argument(
        "--crop",
        type=float,
        nargs=3,
        default=MODEL.crop,
        metavar=("X", "Y", "SIDE"),
        help="center and side of the part of the picture that the network sees, in shares of the picture",
    )
    model.add_argument(
        "--second_look",
        type=float,
        nargs=4,
        default=MODEL.second_look,
        metavar=("X", "Y", "SIZE", "WEIGHT"),
        help="position and size of the points' box in a second look, and the look's weight",
    )
    model.add_argument("--pip_neighbors", type=int, default=MODEL.pip_neighbors, help="points a cell also votes for")
    model.add_argument("--pip_cls", type=float, default=MODEL.pip_score_weight, help="weight of the pip head's scores")
    model.add_argument("--pip_reg", type=float, default=MODEL.pip_offset_weight, help="weight of the pip head's votes")
    model.add_argument("--allow_large", action="store_true", help="train a model above the size limit, as a teacher")
    run = parser.add_argument_group("training")
    run.add_argument("--augmentation", choices=AUGMENTATIONS, default="full", help="of the training faces")
    run.add_argument("--loss", choices=(*CRITERIA, *MAP_CRITERIA), default=TRAINING.criterion, help="for the points")
    run.add_argument("--end_epoch", type=int, default=TRAINING.epochs, help="number of epochs")
    run.add_argument(
        "--minutes", type=float, default=TRAINING.minutes, help="of steps, instead of --end_epoch; 0: none"
    )
    run.add_argument("--base_lr", type=float, default=TRAINING.learning_rate, help="peak learning rate")
    run.add_argument("--hold", type=float, default=TRAINING.hold, help="share of the run at the peak rate")
    run.add_argument("--weight-decay", "--wd", type=float, default=TRAINING.weight_decay, help="of AdamW")
    run.add_argument("--start_size", type=int, default=TRAINING.start_size, help="pixels of the first inputs; 0: full")
    run.add_argument("--start_share", type=float, default=TRAINING.start_share, help="share of the run with these")
    run.add_argument("--ema", type=float, default=TRAINING.ema_decay, help="decay of the averaged weights; 0 is off")
    run.add_argument("--train_batchsize", type=int, default=TRAINING.batch_size, help="faces per step and process")
    run.add_argument("--val_batchsize", type=int, default=64, help="faces predicted at a time")
    run.add_argument("--seed", type=at_least(0), default=TRAINING.seed, help="of weights, batches and augmentation")
    add_device(run)
    run.add_argument("--amp", choices=("off", "bf16", "fp16"), default=TRAINING.amp, help="mixed precision on CUDA")
    add_workers(run)
    run.add_argument("--processes", type=int, default=1, help="on this machine, each with -j threads or one GPU")
    other = parser.add_argument_group("learning from another network")
    other.add_argument("--teacher", metavar="PATH", help="a model to imitate, trained with the same crop")
    other.add_argument(
        "--mutual", action=argparse.BooleanOptionalAction, default=False, help="a second network learns alongside"
    )
    other.add_argument("--distill", choices=DISTILLATIONS, default=TRAINING.distill, help="what is imitated")
    other.add_argument("--distill_weight", type=float, default=TRAINING.distill_weight, help="relative to the labels")
    files = parser.add_argument_group("files")
    files.add_argument("--snapshot", type=Path, default="checkpoint/snapshot", help="folder of the epochs' snapshots")
    files.add_argument("--keep", type=int, default=3, help="number of epochs whose snapshots are kept")
    files.add_argument("--best_model", type=Path, default="checkpoint/best_model", help="folder of best.pth.tar")
    files.add_argument("--log_file", type=Path, default="checkpoint/train.logs", help="flags, one line per epoch")
    files.add_argument("--summary", type=Path, default="checkpoint/summary.csv", help="one row per epoch")
    files.add_argument("--resume", nargs="?", const="latest", help="continue from a snapshot; bare: from the latest")
    return parser
