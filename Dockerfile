# vad on the CPU. Build and use:
#   docker build -t vad .
#   docker run --rm --user "$(id -u)" -v "$PWD:/footage" vad score recording.mp4 --records events
FROM python:3.12-slim-bookworm

# what OpenCV's wheel wants of the system
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*

# the CPU build of torch first, so that no gigabytes of CUDA come with the rest
RUN pip install --no-cache-dir "torch>=2.9,<2.14" --index-url https://download.pytorch.org/whl/cpu

COPY pyproject.toml README.md LICENSE /src/
COPY vadcli /src/vadcli
COPY presets /src/presets
COPY completions /src/completions
RUN pip install --no-cache-dir /src && useradd --create-home vad

USER vad
ENV MPLCONFIGDIR=/tmp
WORKDIR /footage
ENTRYPOINT ["vad"]
