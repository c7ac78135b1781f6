"""Iterative auto-labeling: train, label the pictures without labels, keep the certain labels, train again.

Self-training as in Xie et al., "Self-training with Noisy Student improves ImageNet classification", 2020; labels are
the mean over transformed views and trusted if the views agree, as in Radosavovic et al., "Data Distillation: Towards
Omni-Supervised Learning", 2018. For the command see `python3 -m src.autolabel --help`.
"""
