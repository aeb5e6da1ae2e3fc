"""One seed for every test."""

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    np.random.seed(0)
