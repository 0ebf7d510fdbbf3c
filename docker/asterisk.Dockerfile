# Asterisk 22 of Debian sid with its own libraries, and the engine's command that configures and becomes it.
# Build from the top of the project: docker build -f docker/asterisk.Dockerfile -t ivr-asterisk .

# As scripts/setup.sh does it: unpacked with its whole library closure, so that nothing of sid touches the system below.
FROM debian:bookworm-slim AS tree
# Empty: Debian's own mirror.
ARG DEBIAN_MIRROR=
# false: for a mirror whose index has expired; its signature is checked all the same.
ARG CHECK_VALID_UNTIL=true
RUN apt-get update \
    && apt-get install -y --no-install-recommends debian-archive-keyring mmdebstrap \
    && rm -rf /var/lib/apt/lists/*
RUN mkdir /tree \
    && mmdebstrap --variant=extract --include=asterisk,sip-tester --aptopt='Apt::Install-Recommends "false"' \
        --aptopt="Acquire::Check-Valid-Until \"${CHECK_VALID_UNTIL}\"" sid /tree.tar ${DEBIAN_MIRROR} \
    && tar -x -f /tree.tar -C /tree --no-same-owner \
        --exclude='./dev/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
    && chmod 755 /tree \
    && rm /tree.tar

FROM debian:bookworm-slim

# --- The same lines are in engine.Dockerfile: the build cache makes them one layer each ----------------------------------
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates espeak-ng python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# A fixed number: both containers write into the same volume. The folders give new volumes their owner.
RUN useradd --system --uid 812 --user-group --no-create-home --home-dir /var/lib/ivr --shell /usr/sbin/nologin ivr \
    && install -d -o ivr -g ivr -m 0700 /var/lib/ivr /var/lib/ivr-database
WORKDIR /opt/ivr
COPY requirements.lock .
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements.lock \
    && echo /opt/ivr > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ivr.pth" \
    && printf '#!/bin/sh\nexec python3 -m ivr "$@"\n' > .venv/bin/ivr \
    && chmod 755 .venv/bin/ivr
COPY ivr ivr
COPY asterisk-config asterisk-config
COPY dialplans dialplans
COPY prompts prompts
ENV PATH=/opt/ivr/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 IVR_VAR=/var/lib/ivr IVR_CACHE=/var/cache/ivr
ENTRYPOINT ["ivr"]
# -------------------------------------------------------------------------------------------------------------------------

COPY --from=tree /tree /var/cache/ivr/asterisk
USER ivr
CMD ["asterisk"]
