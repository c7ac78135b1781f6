"""Iterative auto-labeling: train, label the pictures that have no labels, keep what is certain, train again.

Self-training as in Xie et al., "Self-training with Noisy Student improves ImageNet classification", 2020; labels are
the mean over transformed views, and trusted where the views agree, as in Radosavovic et al., "Data Distillation:
Towards Omni-Supervised Learning", 2018. Run it by `python3 -m src.autolabel --help`.
"""
