"""The frame cache: one HDF5 file of decoded clips."""

from vadcli.footage.cache.manifest import VERSION, CacheFormat, Clip, Codec, Split
from vadcli.footage.cache.reader import Cache, open_cache
from vadcli.footage.naming import shorten

__all__ = ["VERSION", "Cache", "CacheFormat", "Clip", "Codec", "Split", "open_cache", "shorten"]
