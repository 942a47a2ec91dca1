"""Find abnormal moments in video from fixed cameras, and adapt to a new camera from ten frames."""

__version__ = "0.1.0"
