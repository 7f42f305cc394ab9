# The demo in a container: docker build -t yolo-fine . && docker run --rm -v "$PWD/runs:/app/runs" yolo-fine
# CPU only, and offline once it is built. With a GPU, start from an image of PyTorch and install the package there.
FROM python:3.12-slim

# What opencv-python needs of the system, and the slim image leaves out.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 YOLO_OFFLINE=true YOLO_AUTOINSTALL=false YOLO_CONFIG_DIR=/tmp/yolo
RUN pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu

WORKDIR /source
COPY pyproject.toml README.md LICENSE CITATION.cff CHANGELOG.md ./
COPY startup startup
COPY cfg cfg
COPY scripts scripts
COPY yolo_fine yolo_fine
RUN pip install ".[export,sliced]" && yolo-fine doctor

RUN useradd --create-home demo && mkdir /app && chown demo /app
USER demo
WORKDIR /app
ENTRYPOINT ["yolo-fine"]
CMD ["demo"]
