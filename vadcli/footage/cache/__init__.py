"""The frame cache: one HDF5 file of decoded clips."""

from vadcli.footage.cache.layout import VERSION, Codec
from vadcli.footage.cache.reader import Cache, Clip, Split, open_cache, shorten

__all__ = ["VERSION", "Cache", "Clip", "Codec", "Split", "open_cache", "shorten"]
