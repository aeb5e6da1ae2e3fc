"""A pack on the device that trains."""

import torch

from plait.data import Pack

SHARE = 0.4
"""Of a GPU's free memory, what a pack may take."""


def resident(pack: Pack, device: str) -> Pack:
    """The same pack, on the GPU as a whole where it fits there beside the model.

    A batch is then gathered on the GPU, and nothing but the numbers of its rows travels.

    Args:
        pack: The rows.
        device: Where the model trains. Packs on disk, and all for other devices than CUDA, stay.
    """
    if torch.device(device).type != "cuda" or pack.maps:
        return pack
    free, _ = torch.cuda.mem_get_info(device)
    return pack.to(device) if pack.nbytes < SHARE * free else pack
