"""A linear layer that is not led by noise."""

from torch import nn

EASE = 0.03
"""Gradients that are small beside this take steps in proportion to their size."""


class Calm(nn.Linear):
    """A linear layer whose weights move as far as their gradients say, and no further.

    Adam moves each weight about as far as any other, whether its gradient says much or little. Of
    thousands of weights for a few thousand rows most learn noise that way. With an ``eps`` far
    above such gradients the step is in proportion to them, as in plain gradient descent, which in
    a short training is about as good as a penalty on squares. Decay is left out.

    Use it for a layer from many entries straight to outputs; within a net, where gradients may be
    of any size, it would hardly move.

    Source:
        ``eps`` is that of Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2014 (arXiv
        1412.6980), algorithm 1. That few steps of gradient descent are a penalty on squares: Ali,
        Kolter and Tibshirani, *A Continuous-Time View of Early Stopping for Least Squares*, 2019
        (arXiv 1810.10082).
    """
